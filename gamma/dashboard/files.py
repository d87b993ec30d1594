"""What can be taken away as a file."""

from collections.abc import Mapping

from flask import Flask, Response, request

from gamma.dashboard import trades
from gamma.dashboard.watching import Watcher
from gamma.errors import GammaError


def files_on(server: Flask, watchers: Mapping[str, Watcher]) -> None:
    """Give the files of these accounts, by name; the first is meant where the address names none."""

    def trades_file() -> Response:
        watcher = watchers.get(request.args.get("account", ""), next(iter(watchers.values())))
        try:
            with watcher.look() as sight:
                text = "".join(trades.written(sight, request.args.to_dict()))
        except GammaError as error:
            return Response(f"{error}\n", status=400, mimetype="text/plain")
        told = f"attachment; filename=trades-{watcher.config.account.name}.csv"
        return Response(text, mimetype="text/csv", headers={"Content-Disposition": told})

    server.add_url_rule("/trades.csv", "trades_csv", trades_file)
