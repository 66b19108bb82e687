"""Draws the tables and their keys: manifest.yaml, relations.yaml and layout.yaml -> source.dbml and ../erd.svg.

Run it from the root of the checkout: python -m docs.erd.generate
"""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml

from source_front.source import load_manifest, resolve

HERE = Path(__file__).resolve().parent
DBML = HERE / "source.dbml"
SVG = HERE.with_name("erd.svg")

T = TypeVar("T")


class End(NamedTuple):
    """A column of a table."""

    table: str
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"

    @classmethod
    def of(cls, text: str) -> "End":
        """conversations.id -> End("conversations", "id")"""
        return cls(*text.split("."))


class Relation(NamedTuple):
    """A column that leads to a row: many > one, or one - one."""

    source: End
    kind: str
    target: End

    def __str__(self) -> str:
        return " ".join(map(str, self))


@dataclass(frozen=True)
class Table:
    """A stream, with what its schema says of each column."""

    name: str
    columns: dict[str, dict[str, Any]]
    primary_key: list[str]
    cursor: str | None


@dataclass(frozen=True)
class Relations:
    """relations.yaml"""

    relations: list[Relation]
    unrelated: dict[End, str]

    def of(self, end: End) -> list[Relation]:
        return [relation for relation in self.relations if relation.source == end]


@dataclass(frozen=True)
class Panel:
    """A family of tables: the tables of each column, from top to bottom."""

    title: str
    color: str
    columns: dict[int, list[str]]


@dataclass(frozen=True)
class Layout:
    """layout.yaml"""

    columns: list[int]
    gutters: list[int]
    panels: list[Panel]
    lines: dict[End, dict[float, list[End]]]

    def placed(self) -> Iterator[tuple[Panel, int, str]]:
        """Panel, column and name of each table."""
        for panel in self.panels:
            for column, names in panel.columns.items():
                for name in names:
                    yield panel, column, name

    def drawn(self) -> Iterator[tuple[End, End, float]]:
        """Source, target and lane of each key that is drawn as a line."""
        for target, lanes in self.lines.items():
            for lane, sources in lanes.items():
                for source in sources:
                    yield source, target, lane


def read_tables() -> dict[str, Table]:
    tables = [
        Table(
            name=stream["name"],
            columns=stream["schema_loader"]["schema"]["properties"],
            primary_key=stream["primary_key"],
            cursor=stream.get("incremental_sync", {}).get("cursor_field"),
        )
        for stream in resolve(load_manifest())["streams"]
    ]
    return {table.name: table for table in sorted(tables, key=lambda table: table.name)}


def read_relations() -> Relations:
    found = _read("relations.yaml")
    parts = [line.split(" ") for line in found["relations"]]
    return Relations(
        relations=[Relation(End.of(source), kind, End.of(target)) for source, kind, target in parts],
        unrelated={End.of(column): reason for column, reason in found["unrelated"].items()},
    )


def read_layout() -> Layout:
    found = _read("layout.yaml")
    return Layout(
        columns=found["columns"],
        gutters=found["gutters"],
        panels=[Panel(**panel) for panel in found["panels"]],
        lines={
            End.of(target): {lane: [End.of(source) for source in sources] for lane, sources in lanes.items()}
            for target, lanes in found["lines"].items()
        },
    )


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((HERE / name).read_text(encoding="utf-8"))
    return content


def faults(tables: dict[str, Table], relations: Relations, layout: Layout) -> list[str]:
    """What in the two files does not fit the tables, a sentence each."""
    return [*_faults_of_relations(tables, relations), *_faults_of_layout(tables, relations, layout)]


def _faults_of_relations(tables: dict[str, Table], relations: Relations) -> Iterator[str]:
    columns = [End(table.name, column) for table in tables.values() for column in table.columns]
    for relation in relations.relations:
        for end in (relation.source, relation.target):
            if end not in columns:
                yield f"{relation}: there is no column {end}"
        if relation.target in columns and tables[relation.target.table].primary_key != [relation.target.column]:
            yield f"{relation}: {relation.target} is not the primary key of its table"
        if relation.kind not in {">", "-"}:
            yield f"{relation}: neither > nor -"
    for relation in _repeated(relations.relations):
        yield f"{relation}: stands there twice"
    for end in columns:
        if end.column.endswith("_id") and not relations.of(end) and end not in relations.unrelated:
            yield f"{end}: neither related nor unrelated"
    for end in relations.unrelated:
        if end not in columns:
            yield f"unrelated: there is no column {end}"
        if relations.of(end):
            yield f"{end}: both related and unrelated"


def _faults_of_layout(tables: dict[str, Table], relations: Relations, layout: Layout) -> Iterator[str]:
    columns = {name: column for _, column, name in layout.placed()}
    for name in sorted(tables.keys() ^ columns.keys()):
        yield f"layout: {name} has no place" if name in tables else f"layout: there is no table {name}"
    for name in _repeated([name for _, _, name in layout.placed()]):
        yield f"layout: {name} stands there twice"
    for source, target, lane in layout.drawn():
        if target not in [relation.target for relation in relations.of(source)]:
            yield f"layout: {source} does not lead to {target}"
        for end in (source, target):
            if columns.get(end.table) not in {int(lane) - 1, int(lane)}:
                yield f"layout: {end} is not beside lane {lane}"


def _repeated(items: Sequence[T]) -> list[T]:
    return [item for position, item in enumerate(items) if item in items[:position]]


# --- DBML: https://dbml.dbdiagram.io/docs


def dbml(tables: dict[str, Table], relations: Relations, layout: Layout) -> str:
    colors = {name: panel.color for panel, _, name in layout.placed()}
    blocks = [
        "// Made by docs/erd/generate.py from manifest.yaml and docs/erd/relations.yaml.",
        "Project source_front {\n  Note: 'The tables that source-front makes of Front'\n}",
        *(_dbml_table(table, colors[table.name]) for table in tables.values()),
        "\n".join(f"Ref: {relation}" for relation in relations.relations),
        *(_dbml_group(panel) for panel in layout.panels),
    ]
    return "\n\n".join(blocks) + "\n"


def _dbml_table(table: Table, color: str) -> str:
    composite = len(table.primary_key) > 1
    mode = f"Incremental, cursor {table.cursor}" if table.cursor else "Full refresh"
    lines = [f"Table {table.name} [headercolor: {color}] {{"]
    for name, schema in table.columns.items():
        types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        kind = " or ".join(each for each in types if each != "null")
        settings = [
            *(["pk"] if [name] == table.primary_key else []),
            *(["not null"] if "null" not in types else []),
            f"note: {_quoted(_short(schema['description']))}",
        ]
        lines.append(f"  {name} {kind if kind.isalpha() else _double_quoted(kind)} [{', '.join(settings)}]")
    if composite:
        lines.append(f"\n  indexes {{\n    ({', '.join(table.primary_key)}) [pk]\n  }}")
    lines.append(f"\n  Note: {_quoted(mode)}\n}}")
    return "\n".join(lines)


def _dbml_group(panel: Panel) -> str:
    names = [name for column in panel.columns.values() for name in column]
    return "\n".join([f"TableGroup {_double_quoted(panel.title)} {{", *(f"  {name}" for name in names), "}"])


def _short(description: str) -> str:
    """Its beginning, up to where details follow: a colon, a semicolon, or where the value was read from."""
    return re.split(r"[:;] |, read from ", description, maxsplit=1)[0]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _double_quoted(text: str) -> str:
    return f'"{text}"'


# --- SVG: opaque tables on panels of a thin tint, so that it can be read on a light page and on a dark one

HEAD = 23
ROW = 16
FOOT = 5
GAP = 12
PANEL_HEAD = 28
PANEL_FOOT = 13
PANEL_SIDE = 16
PANEL_GAP = 10
LEGEND = 34
CORNER = 5

STYLE = """
    text { font: 10.5px ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; fill: #1f2933 }
    .title, .legend { font-family: system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif }
    .title { font-size: 12px; font-weight: 600 }
    .legend { font-size: 11px; fill: #748091 }
    .name { font-weight: 600; fill: #fff }
    .target { font-size: 9.5px; text-anchor: end }
    .line { fill: none; stroke-width: 1.3; stroke-linecap: round }
    .sign { stroke: #748091 }
    .key { fill: none; stroke: #b8862b; stroke-width: 1.3; stroke-linecap: round }
"""


@dataclass(frozen=True)
class Box:
    """A table in the picture: its place, and the columns that it shows."""

    column: int
    x: float
    y: float
    width: float
    color: str
    rows: list[str]

    @property
    def height(self) -> int:
        return _height(self.rows)

    def row(self, name: str) -> float:
        """The middle of a row."""
        return self.y + HEAD + ROW * (self.rows.index(name) + 0.5) + 2


@dataclass(frozen=True)
class Frame:
    """A panel in the picture."""

    panel: Panel
    x: float
    y: float
    width: float
    height: float


def svg(tables: dict[str, Table], relations: Relations, layout: Layout) -> str:
    frames, boxes = place(tables, relations, layout)
    width = sum(layout.columns) + sum(layout.gutters)
    bottom = max(frame.y + frame.height for frame in frames)
    height = bottom + LEGEND
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_n(height)}"'
        f' viewBox="0 0 {width} {_n(height)}" role="img" aria-label="The tables of source-front and their keys">',
        f"  <style>{STYLE}  </style>",
        *(_svg_frame(frame) for frame in frames),
        *(
            _svg_bundle(target, lane, sources, boxes, relations, layout)
            for target, lanes in layout.lines.items()
            for lane, sources in lanes.items()
        ),
        *(_svg_box(tables[name], box, relations, layout, boxes) for name, box in boxes.items()),
        _svg_legend(width, bottom + LEGEND / 2 + 4, boxes["teammates"].color),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def place(tables: dict[str, Table], relations: Relations, layout: Layout) -> tuple[list[Frame], dict[str, Box]]:
    """The panels, and the tables by name."""
    rows = {name: _keys(table, relations) for name, table in tables.items()}
    frames = _frames(layout, rows)
    return frames, dict(_boxes(layout, frames, rows))


def _keys(table: Table, relations: Relations) -> list[str]:
    """The primary key first, then what leads to other rows."""
    others = [column for column in table.columns if relations.of(End(table.name, column))]
    return list(dict.fromkeys([*table.primary_key, *others]))


def _height(rows: list[str]) -> int:
    return HEAD + ROW * len(rows) + FOOT


def _left(layout: Layout, column: int) -> int:
    return _gutter(layout, column) + layout.gutters[column]


def _frames(layout: Layout, rows: dict[str, list[str]]) -> list[Frame]:
    """Panels one below the other; the spare room of a short stack goes to its panels, by their number of tables."""
    inner = {
        panel.title: max(
            sum(_height(rows[name]) for name in names) + GAP * (len(names) - 1) for names in panel.columns.values()
        )
        for panel in layout.panels
    }
    stacks: dict[int, list[Panel]] = {}
    for panel in layout.panels:
        stacks.setdefault(min(panel.columns), []).append(panel)
    heights = {
        first: sum(PANEL_HEAD + inner[panel.title] + PANEL_FOOT for panel in stack) + PANEL_GAP * (len(stack) - 1)
        for first, stack in stacks.items()
    }
    frames = []
    for first, stack in stacks.items():
        deep = {panel.title: max(len(names) for names in panel.columns.values()) - 1 for panel in stack}
        spare = max(heights.values()) - heights[first]
        y = 0.0
        for panel in stack:
            extra = spare * deep[panel.title] / sum(deep.values())
            height = PANEL_HEAD + inner[panel.title] + PANEL_FOOT + extra
            last = max(panel.columns)
            x = _left(layout, first) - PANEL_SIDE
            width = _left(layout, last) + layout.columns[last] + PANEL_SIDE - x
            frames.append(Frame(panel, x, y, width, height))
            y += height + PANEL_GAP
    return frames


def _boxes(layout: Layout, frames: list[Frame], rows: dict[str, list[str]]) -> Iterator[tuple[str, Box]]:
    for frame in frames:
        for column, names in frame.panel.columns.items():
            used = sum(_height(rows[name]) for name in names)
            free = frame.height - PANEL_HEAD - PANEL_FOOT - used
            gap = free / (len(names) - 1) if len(names) > 1 else 0
            y = frame.y + PANEL_HEAD
            for name in names:
                left, width = _left(layout, column), layout.columns[column]
                yield name, Box(column, left, round(y), width, frame.panel.color, rows[name])
                y += _height(rows[name]) + gap


def _svg_frame(frame: Frame) -> str:
    color = frame.panel.color
    return (
        f'  <rect x="{_n(frame.x)}" y="{_n(frame.y)}" width="{_n(frame.width)}" height="{_n(frame.height)}" rx="10"'
        f' fill="{color}" fill-opacity=".1"/>\n'
        f'  <text class="title" x="{_n(frame.x + PANEL_SIDE)}" y="{_n(frame.y + 18)}" style="fill: {color}">'
        f"{escape(frame.panel.title)}</text>"
    )


def _svg_box(table: Table, box: Box, relations: Relations, layout: Layout, boxes: dict[str, Box]) -> str:
    drawn = {(source, target) for source, target, _ in layout.drawn()}
    x, y, right = box.x, box.y, box.x + box.width
    parts = [
        f"<g>\n    <title>{table.name}</title>",
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(box.width)}" height="{box.height}" rx="5" fill="#fff"/>',
        f'<path d="M{_n(x)} {_n(y + HEAD)}v{5 - HEAD}a5 5 0 0 1 5 -5h{_n(box.width - 10)}a5 5 0 0 1 5 5v{HEAD - 5}z"'
        f' fill="{box.color}"/>',
        f'<text class="name" x="{_n(x + 8)}" y="{_n(y + 15)}">{table.name}</text>',
    ]
    for column in box.rows:
        middle = box.row(column)
        if column in table.primary_key:
            parts.append(_svg_key(x + 8, middle))
        parts.append(f'<text x="{_n(x + 23)}" y="{_n(middle + 3.5)}">{column}</text>')
        named = [
            relation.target.table
            for relation in relations.of(End(table.name, column))
            if (relation.source, relation.target) not in drawn
        ]
        if named:
            parts.append(
                f'<text class="target" x="{_n(right - 8)}" y="{_n(middle + 3.5)}"'
                f' style="fill: {boxes[named[0]].color}">{", ".join(named)}</text>'
            )
    parts.append(
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(box.width)}" height="{box.height}" rx="5" fill="none"'
        f' stroke="{box.color}"/>'
    )
    return "  " + "\n    ".join(parts) + "\n  </g>"


def _svg_key(x: float, y: float) -> str:
    return (
        f'<path class="key" d="M{_n(x + 4.6)} {_n(y)}a2.3 2.3 0 1 0 -4.6 0a2.3 2.3 0 1 0 4.6 0h5.4v2.2m-2.4 -2.2v1.6"/>'
    )


def _svg_bundle(
    target: End, lane: float, sources: list[End], boxes: dict[str, Box], relations: Relations, layout: Layout
) -> str:
    """Lines that share a lane, as one path, so that they do not darken each other."""
    gutter = int(lane)
    x = _gutter(layout, gutter) + layout.gutters[gutter] * (lane - gutter)
    ways = [
        _way(source, target, x, gutter, boxes, one_to_one=Relation(source, "-", target) in relations.relations)
        for source in sources
    ]
    return f'  <path class="line" stroke="{boxes[target.table].color}" d="{"".join(ways)}"/>'


def _way(source: End, target: End, x: float, gutter: int, boxes: dict[str, Box], *, one_to_one: bool) -> str:
    """From a column out to the lane, along it, and in to the key: a crow's foot at many rows, a bar at one row."""
    (x1, out1), (x2, out2) = (_edge(boxes[end.table], gutter) for end in (source, target))
    y1, y2 = (boxes[end.table].row(end.column) for end in (source, target))
    bend = min(CORNER, abs(y2 - y1) / 2)
    down = bend if y2 > y1 else -bend
    way = f"M{_n(x1)} {_n(y1)}"
    if bend:
        way += f"H{_n(x + out1 * -bend)}Q{_n(x)} {_n(y1)} {_n(x)} {_n(y1 + down)}"
        way += f"V{_n(y2 - down)}Q{_n(x)} {_n(y2)} {_n(x + out2 * -bend)} {_n(y2)}"
    return f"{way}H{_n(x2)}{(_bar if one_to_one else _foot)(x1, y1, out1)}{_bar(x2, y2, out2)}"


def _gutter(layout: Layout, gutter: int) -> int:
    """Where a gutter begins."""
    return sum(layout.gutters[:gutter]) + sum(layout.columns[:gutter])


def _edge(box: Box, gutter: int) -> tuple[float, int]:
    """The side of a table that faces a gutter, and the direction out of it."""
    return (box.x, -1) if box.column == gutter else (box.x + box.width, 1)


def _foot(x: float, y: float, out: int) -> str:
    return f"M{_n(x)} {_n(y - 4)}L{_n(x + out * 6)} {_n(y)}L{_n(x)} {_n(y + 4)}"


def _bar(x: float, y: float, out: int) -> str:
    return f"M{_n(x + out * 4.5)} {_n(y - 3.5)}v7"


def _svg_legend(width: float, y: float, color: str) -> str:
    """What the signs mean, in the middle below all panels."""
    x = width / 2 - 321
    middle = y - 4
    many, one = x + 106, x + 322
    parts = [
        _svg_key(x, middle),
        _svg_says(x + 17, y, "primary key"),
        f'<path class="line sign" d="M{_n(many)} {_n(middle)}h36{_foot(many, middle, 1)}'
        f'{_bar(many + 36, middle, -1)}"/>',
        _svg_says(many + 44, y, "many rows lead to one row"),
        f'<path class="line sign" d="M{_n(one)} {_n(middle)}h36{_bar(one, middle, 1)}{_bar(one + 36, middle, -1)}"/>',
        _svg_says(one + 44, y, "one to one"),
        f'<text class="target" x="{_n(x + 502)}" y="{_n(y)}" style="fill: {color}">teammates</text>',
        _svg_says(x + 510, y, "the table that a key leads to"),
    ]
    return "\n".join(f"  {part}" for part in parts)


def _svg_says(x: float, y: float, text: str) -> str:
    return f'<text class="legend" x="{_n(x)}" y="{_n(y)}">{text}</text>'


def _n(number: float) -> str:
    """A number without the digits that nobody sees."""
    return f"{round(number, 1):g}"


def render(tables: dict[str, Table], relations: Relations, layout: Layout) -> dict[Path, str]:
    """What the files are to hold."""
    return {DBML: dbml(tables, relations, layout), SVG: svg(tables, relations, layout)}


def main() -> None:
    tables, relations, layout = read_tables(), read_relations(), read_layout()
    if found := faults(tables, relations, layout):
        sys.exit("\n".join(found))
    for path, content in render(tables, relations, layout).items():
        path.write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
