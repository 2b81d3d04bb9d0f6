"""The environment, read once into one frozen object. Every name begins with PEER_REFERRAL_."""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.shared.errors import InvalidSettings

PREFIX = "PEER_REFERRAL_"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Settings(BaseSettings):
    """What a deployer may set; docs/configuration.md explains each."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    database_url: str = Field("", description="sqlite:///FILE or postgresql://…; empty: a file in the data folder")
    data_folder: Path = Field(Path("var"), description="where the embedded database and the service's keys live")
    mappings_folder: Path | None = Field(None, description="a site's own mappings/; empty: the ones that come with us")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on")
    base_url: str = Field("", description="our address as clients see it; empty: http://HOST:PORT")
    trusted_proxies: str = Field("127.0.0.1,::1", description="whose X-Forwarded-For is believed; empty: nobody's")
    client_id: str = Field("peer-referral", description="our client id at the hospitals' records")
    allow_loopback: bool = Field(False, description="let clients keep their keys at http addresses on this machine")
    requests_per_minute: int = Field(1_200, ge=1, description="the most that one client may ask in a minute")
    database_connections: int = Field(8, ge=1, le=64, description="threads and connections on PostgreSQL")
    mllp_host: str = Field("127.0.0.1", description="address to listen on for HL7 v2")
    mllp_port: int | None = Field(
        None, ge=1, le=65535, description="port to listen on for HL7 v2; empty: serve does not"
    )
    mllp_certificate: Path | None = Field(None, description="our certificate for HL7 v2, in PEM; empty: no TLS")
    mllp_key: Path | None = Field(None, description="the key of that certificate")
    mllp_client_ca: Path | None = Field(None, description="who signs senders' certificates; empty: none is asked for")
    mllp_plain: bool = Field(False, description="HL7 v2 from and to beyond this machine without a certificate")
    mllp_longest: int = Field(1_048_576, ge=1_024, description="the longest message, in bytes")
    mllp_connections: int = Field(1_000, ge=1, description="the most senders that may be connected at a time")
    mllp_connections_of_address: int = Field(100, ge=1, description="the most of these from one address")
    mllp_message_seconds: float = Field(30, gt=0, description="a message that began must end within this time")
    mllp_idle_seconds: float = Field(1_800, gt=0, description="a connection without a message for so long is closed")
    mllp_application: str = Field(
        "PEER-REFERRAL", min_length=1, max_length=20, description="who we are in what we send (MSH-3)"
    )
    mllp_facility: str = Field("", max_length=20, description="where we are in what we send (MSH-4)")
    mllp_out_certificate: Path | None = Field(None, description="what we show to a hospital's engine; empty: nothing")
    mllp_out_key: Path | None = Field(None, description="the key of that certificate")
    mllp_out_ca: Path | None = Field(None, description="who signs engines' certificates; empty: this machine's own")
    mllp_answer_seconds: float = Field(15, gt=0, description="how long a hospital's engine may take to acknowledge")
    probes_port: int | None = Field(
        None, ge=1, le=65535, description="port on this machine for the probes of listen (8081) and worker (8082)"
    )
    lease_seconds: int = Field(90, ge=1, description="how long a worker may hold a delivery before another takes it")
    copies_seconds: float = Field(15, gt=0, description="pause between two looks at alerts answered in the record")
    migrate: bool | None = Field(None, description="migrate when starting; empty: only the embedded database")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="least level that is logged")

    @model_validator(mode="after")
    def _safe(self) -> "Settings":
        scheme, host = urlsplit(self.base_url).scheme, urlsplit(self.base_url).hostname
        if self.base_url and scheme != "https" and host not in LOOPBACK:
            raise ValueError("PEER_REFERRAL_BASE_URL must be https: tokens and personal data travel over it")
        if not self.base_url and self.host not in LOOPBACK:
            raise ValueError("PEER_REFERRAL_BASE_URL must be set when the service listens beyond this machine")
        return self

    @model_validator(mode="after")
    def _named(self) -> "Settings":
        if (self.mllp_certificate is None) != (self.mllp_key is None):
            raise ValueError("PEER_REFERRAL_MLLP_CERTIFICATE and PEER_REFERRAL_MLLP_KEY belong together")
        if self.mllp_client_ca is not None and self.mllp_certificate is None:
            raise ValueError("PEER_REFERRAL_MLLP_CLIENT_CA needs PEER_REFERRAL_MLLP_CERTIFICATE and its key")
        if (self.mllp_out_certificate is None) != (self.mllp_out_key is None):
            raise ValueError("PEER_REFERRAL_MLLP_OUT_CERTIFICATE and PEER_REFERRAL_MLLP_OUT_KEY belong together")
        if self.mllp_host not in LOOPBACK and self.mllp_client_ca is None and not self.mllp_plain:
            raise ValueError(
                "PEER_REFERRAL_MLLP_CLIENT_CA must be set to take HL7 v2 from beyond this machine,"
                " or PEER_REFERRAL_MLLP_PLAIN where the network itself keeps strangers out"
            )
        return self

    @model_validator(mode="after")
    def _answered_in_time(self) -> "Settings":
        # Half the lease ends the wait for an answer in any case, so that a default of ours spoils no shorter lease.
        if "mllp_answer_seconds" in self.model_fields_set:
            from service.hl7v2.outgoing import Patience

            longest = Patience(answer=self.mllp_answer_seconds).longest
            if longest >= self.lease_seconds / 2:
                raise ValueError(
                    "PEER_REFERRAL_MLLP_ANSWER_SECONDS: to wait in line, to connect and to be answered may take"
                    f" {longest:g} seconds, and must take less than half of PEER_REFERRAL_LEASE_SECONDS"
                )
        return self

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, given: str) -> str:
        for each in filter(None, map(str.strip, given.split(","))):
            try:
                ip_network(each)
            except ValueError:
                raise ValueError("PEER_REFERRAL_TRUSTED_PROXIES must be addresses or networks, as 10.0.0.0/8") from None
        return given

    @property
    def signing_keys(self) -> Path:
        return self.data_folder / "signing-keys.json"

    @property
    def sealing_key(self) -> Path:
        return self.data_folder / "sealing-key"

    @property
    def key_files(self) -> dict[str, Path]:
        """Every file of the service's own keys by its name."""
        return {path.name: path for path in (self.signing_keys, self.sealing_key)}

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_folder.absolute() / 'peer-referral.db'}"

    @property
    def embedded(self) -> bool:
        return self.database.startswith("sqlite")

    @property
    def migrates(self) -> bool:
        return self.embedded if self.migrate is None else self.migrate

    @property
    def public_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.base_url or f"http://{host}:{self.port}").rstrip("/")


def read_settings(**overrides: object) -> Settings:
    """Settings from the environment, with what a command line says on top. Raises InvalidSettings, naming each
    problem."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate({**Settings().model_dump(exclude_unset=True), **given}) if given else Settings()
    except ValidationError as problem:
        raise InvalidSettings("\n".join(map(_said, problem.errors()))) from None


def unknown_settings() -> Iterator[str]:
    """A sentence for each name in the environment that begins as ours do and sets nothing. It stops no command: a
    newer version may know it, and some platforms set names of their own after that of a service."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            close = get_close_matches(name.upper(), known, 1, 0.9)
            yield f"{name} is no setting and does nothing.{f' Is {close[0]} meant?' if close else ''}"


def _said(problem: ErrorDetails) -> str:
    """With the setting as the environment names it; what the check of several says names them itself."""
    name = ".".join(map(str, problem["loc"])).upper()
    return f"{PREFIX}{name}: {problem['msg']}" if name else f"settings: {problem['msg']}"
