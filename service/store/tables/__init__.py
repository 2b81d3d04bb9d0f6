"""Every table of the service, on one metadata. All modules are found here, so that no migration can forget one."""

from importlib import import_module
from pkgutil import iter_modules

from service.store.tables.columns import Row

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

metadata = Row.metadata
