"""Plugins, found by entry point and loaded when they are used: ours come in by the same door as a stranger's."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Literal, cast

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gamma.complaints import Origin, did_you_mean, shown
from gamma.config import Config, Strategy
from gamma.config.schema import NAME
from gamma.errors import ConfigInvalid
from gamma.guards import Guard
from gamma.params import parse, revealed
from gamma.sizing import Sizer

OURS: Final = "gamma-daemon"
SIZERS: Final = "gamma.sizers"
GUARDS: Final = "gamma.guards"
SIGNALS: Final = "gamma.signals"
BROKERS: Final = "gamma.brokers"
FEEDS: Final = "gamma.feeds"
TRAINERS: Final = "gamma.trainers"
BENCHMARKS: Final = "gamma.benchmarks"
CHECKPOINTS: Final = "gamma.checkpoints"
SANDBOXES: Final = "gamma.sandboxes"
DRILLS: Final = "gamma.drills"
SIZE_PICKERS: Final = "gamma.size_pickers"


@dataclass(frozen=True, slots=True)
class Plugin:
    """One installed plugin, not loaded yet."""

    name: str
    distribution: str
    entry: EntryPoint

    def load(self) -> Any:
        """Import the plugin's class.

        Raises: ConfigInvalid when it cannot be imported; the message says why.
        """
        try:
            return self.entry.load()
        except (ImportError, AttributeError) as error:
            raise ConfigInvalid(
                f"{self.entry.group} {self.name!r} of {self.distribution} cannot be loaded: {error}"
            ) from error


@cache
def find(group: str) -> Mapping[str, Plugin]:
    """Every installed plugin of a group by its name.

    Raises: ConfigInvalid when two distributions offer the same name.
    """
    found: dict[str, Plugin] = {}
    for entry in sorted(entry_points(group=group)):
        plugin = Plugin(entry.name, entry.dist.name if entry.dist else "unknown", entry)
        other = found.setdefault(entry.name, plugin)
        if other.entry.value != entry.value:
            raise ConfigInvalid(
                f"{group}: {other.distribution} and {plugin.distribution} both offer {entry.name!r}; uninstall one"
            )
    return found


def named(group: str, name: str, where: str = "") -> Plugin:
    """The plugin of that name.

    Raises: ConfigInvalid when it is not installed; the message lists those that are, and whose they are.
    """
    installed = find(group)
    if name in installed:
        return installed[name]
    owners: dict[str, list[str]] = {}
    for plugin in installed.values():
        owners.setdefault(plugin.distribution, []).append(plugin.name)
    known = "; ".join(f"{', '.join(names)} ({owner})" for owner, names in owners.items())
    kind = group.rpartition(".")[2].removesuffix("s")
    head = f"[{where}] no {kind}" if where else f"no {kind}"
    raise ConfigInvalid(f"{head} {name!r} is installed; {did_you_mean(name, installed)}known: {known or 'none'}")


def build(
    group: str,
    name: str,
    params: Mapping[str, Any],
    /,
    *,
    where: str = "",
    origin: Origin = lambda _: "",
    told: Origin = str,
    **supplied: Any,
) -> Any:
    """Load a plugin and give it its parameters; `supplied` are what the daemon hands it beside them.

    A plugin that is a pydantic model is its own schema. One that is not has its schema in `Params`, and
    takes the checked parameters as its first argument; one with neither takes them as keywords.

    Raises: ConfigInvalid, which names section, key and value, and what is known.
    """
    where = where or f"{group.rpartition('.')[2]}.{name}"
    target = named(group, name, where).load()
    schema = params_model(target)
    if schema is None:
        return _call(target, params, supplied, where)
    checked = parse(schema, params, where, origin, told)
    return checked if schema is target else target(checked, **supplied)


def params_model(target: Any) -> type[BaseModel] | None:
    """The pydantic model that describes a plugin's parameters, where it has one."""
    schema = target if inspect.isclass(target) and issubclass(target, BaseModel) else getattr(target, "Params", None)
    return cast("type[BaseModel] | None", schema)


def _call(target: Any, params: Mapping[str, Any], supplied: Mapping[str, Any], where: str) -> Any:
    try:
        inspect.signature(target).bind(**supplied, **params)
    except TypeError as error:
        raise ConfigInvalid(f"[{where}] {error}") from None
    return target(**supplied, **revealed(params))


def sizers(config: Config, strategy: Strategy) -> tuple[tuple[str, Sizer], ...]:
    """The strategy's chain, built from [sizers.NAME]; a section that is not there gives the defaults.

    Raises: ConfigInvalid.
    """
    return tuple((name, section(SIZERS, config.sizers, name, config)) for name in strategy.sizers)


def guards(config: Config, strategy: Strategy) -> tuple[tuple[str, Guard], ...]:
    """The strategy's guards, built from [guards.NAME], where every limit must stand.

    Raises: ConfigInvalid.
    """
    return tuple((name, section(GUARDS, config.guards, name, config)) for name in strategy.guards)


def plugin_name(name: object, where: str) -> str:
    """The name of a plugin that a section's `use` gives.

    Raises: ConfigInvalid when it is no name.
    """
    if not isinstance(name, str):
        raise ConfigInvalid(f"[{where}] use = {shown(revealed(name))}: should be the name of a plugin")
    return name


def section(group: str, sections: Mapping[str, Mapping[str, Any]], name: str, config: Config | None = None) -> Any:
    """The plugin that section NAME describes: of that name, or the one that its `use` names.

    Raises: ConfigInvalid.
    """
    params = dict(sections.get(name, {}))
    origins = config.origins if config else {}
    where = f"{group.rpartition('.')[2]}.{name}"
    use = plugin_name(params.pop("use", name), where)
    told = config.told if config else str
    return build(group, use, params, where=where, origin=lambda path: origins.get(path, ""), told=told)


def check(config: Config) -> None:
    """Build every sizer and guard that the strategies name, and those whose section stands though none names them.

    Raises: ConfigInvalid, with all that is wrong.
    """
    wrong: list[str] = []
    for group, sections in ((SIZERS, config.sizers), (GUARDS, config.guards)):
        kind = group.rpartition(".")[2]
        used = {name for strategy in config.strategies for name in getattr(strategy, kind)}
        for name in sorted(used | set(sections)):
            try:
                section(group, sections, name, config)
            except ConfigInvalid as error:
                wrong.append(str(error))
    if wrong:
        raise ConfigInvalid("\n".join(wrong))


def config_schema() -> dict[str, Any]:
    """The JSON schema of the configuration, with the parameters of our own sizers, guards and brokers."""
    models: dict[tuple[str, str], type[BaseModel]] = {}
    for group in (SIZERS, GUARDS, BROKERS):
        for plugin in find(group).values():
            model = _schema_of(plugin) if plugin.distribution == OURS else None
            if model is not None:
                models[group.rpartition(".")[2], plugin.name] = model
    wanted: list[tuple[type[BaseModel], Literal["validation"]]] = [(m, "validation") for m in models.values()]
    made, schema = models_json_schema([(Config, "validation"), *wanted], title="gamma")
    schema |= {"$schema": "https://json-schema.org/draft/2020-12/schema", **made[Config, "validation"]}
    config = schema["$defs"]["Config"]["properties"]
    for (kind, name), model in models.items():
        config[kind].setdefault("properties", {})[name] = made[model, "validation"]
    _with_accounts(schema)
    return schema


def _with_accounts(schema: dict[str, Any]) -> None:
    """Each of several accounts may tell any section anew, and of it as much as it likes: nothing there is required."""
    told, definitions = schema["$defs"]["Config"], schema["$defs"]
    sections: dict[str, Any] = {}
    for section, wanted in told["properties"].items():
        name = wanted.get("$ref", "").rpartition("/")[2]
        if "required" in definitions.get(name, {}):
            definitions[f"{name}Overlay"] = {k: v for k, v in definitions[name].items() if k != "required"}
            sections[section] = {"$ref": f"#/$defs/{name}Overlay"}
        else:
            sections[section] = {"type": "object"} if wanted.get("type") == "object" else wanted
    told["properties"]["accounts"] = {
        "type": "object",
        "description": "several accounts in one file: what stands under accounts.NAME lies over the rest of it",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{NAME.pattern}$"},
        "additionalProperties": {"type": "object", "additionalProperties": False, "properties": sections},
    }
    told["anyOf"] = [{"required": told.pop("required")}, {"required": ["accounts"]}]


def _schema_of(plugin: Plugin) -> type[BaseModel] | None:
    """The parameters of a plugin; None where it has none, or needs a library that is not installed."""
    try:
        return params_model(plugin.load())
    except ConfigInvalid:
        return None
