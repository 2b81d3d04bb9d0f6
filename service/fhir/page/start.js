// The packaged Swagger UI draws OpenAPI 3.0. Ours uses nothing that 3.1 alone has, so the page may call it so.
fetch("openapi.json")
  .then((answer) => answer.json())
  .then((described) => SwaggerUIBundle({
    spec: { ...described, openapi: "3.0.3" },
    dom_id: "#documentation",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    validatorUrl: "none",
  }));
