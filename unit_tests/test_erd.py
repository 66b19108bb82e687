"""docs/erd.svg and docs/erd/source.dbml, the pictures of the tables, against the manifest and relations.yaml."""

from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree

import pytest

from docs.erd.generate import (
    DBML,
    SVG,
    Box,
    End,
    Frame,
    Layout,
    Relation,
    Relations,
    Table,
    faults,
    place,
    read_layout,
    read_relations,
    read_tables,
    render,
)

MONOSPACE = 0.602
"""The width of a character in the fonts that may be used, to its height."""


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    return read_tables()


@pytest.fixture(scope="module")
def relations() -> Relations:
    return read_relations()


@pytest.fixture(scope="module")
def layout() -> Layout:
    return read_layout()


@pytest.fixture(scope="module")
def placed(tables: dict[str, Table], relations: Relations, layout: Layout) -> tuple[list[Frame], dict[str, Box]]:
    return place(tables, relations, layout)


def test_the_relations_and_the_layout_fit_the_tables(
    tables: dict[str, Table], relations: Relations, layout: Layout
) -> None:
    assert faults(tables, relations, layout) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("tags.gone_id > tags.id", "there is no column tags.gone_id"),
        ("tags.name > gone.id", "there is no column gone.id"),
        ("tags.name > rules.name", "rules.name is not the primary key of its table"),
        ("tags.name > team_inboxes.team_id", "team_inboxes.team_id is not the primary key of its table"),
        ("tags.name < rules.id", "neither > nor -"),
        ("tags.parent_tag_id > tags.id", "stands there twice"),
    ],
)
def test_given_a_relation_that_does_not_fit_when_checked_then_it_is_a_fault(
    line: str, fault: str, tables: dict[str, Table], relations: Relations, layout: Layout
) -> None:
    source, kind, target = line.split()
    more = [*relations.relations, Relation(End.of(source), kind, End.of(target))]
    assert faults(tables, replace(relations, relations=more), layout) == [f"{line}: {fault}"]


def test_given_an_id_that_no_relation_has_when_checked_then_it_wants_a_reason(
    tables: dict[str, Table], relations: Relations, layout: Layout
) -> None:
    assert faults(tables, replace(relations, unrelated={}), layout) == [
        f"{end}: neither related nor unrelated" for end in sorted(relations.unrelated)
    ]
    more = relations.unrelated | {End("tags", "parent_tag_id"): "", End("tags", "gone_id"): ""}
    assert faults(tables, replace(relations, unrelated=more), layout) == [
        "tags.parent_tag_id: both related and unrelated",
        "unrelated: there is no column tags.gone_id",
    ]


def test_given_a_layout_that_does_not_fit_when_checked_then_it_is_a_fault(
    tables: dict[str, Table], relations: Relations, layout: Layout
) -> None:
    fewer = {name: table for name, table in tables.items() if name != "shifts"}
    assert "layout: there is no table shifts" in faults(fewer, relations, layout)
    assert "layout: shifts has no place" in faults(tables, relations, replace(layout, panels=layout.panels[:-2]))
    assert faults(tables, relations, replace(layout, panels=[*layout.panels, layout.panels[-1]])) == [
        "layout: rules stands there twice",
        "layout: rule_actions stands there twice",
    ]
    lines = {End("teams", "id"): {0.5: [End("tags", "parent_tag_id")]}}
    assert faults(tables, relations, replace(layout, lines=lines)) == [
        "layout: tags.parent_tag_id does not lead to teams.id",
        "layout: teams.id is not beside lane 0.5",
    ]


def test_the_files_are_fresh(tables: dict[str, Table], relations: Relations, layout: Layout) -> None:
    for path, content in render(tables, relations, layout).items():
        assert path.read_text(encoding="utf-8") == content, f"{path.name} is stale: python -m docs.erd.generate"


def test_the_dbml_has_every_table_column_and_relation(tables: dict[str, Table], relations: Relations) -> None:
    text = DBML.read_text(encoding="utf-8")
    for table in tables.values():
        body = text.split(f"\nTable {table.name} ", 1)[1].split("\n}\n", 1)[0].splitlines()[1:]
        columns = [line.split()[0] for line in body if "note: " in line]
        assert columns == list(table.columns)
        key = f"({', '.join(table.primary_key)}) [pk]" if len(table.primary_key) > 1 else f"{table.primary_key[0]} "
        assert [line for line in body if "[pk" in line and line.strip().startswith(key)], table.name
    assert [line.removeprefix("Ref: ") for line in text.splitlines() if line.startswith("Ref: ")] == [
        str(relation) for relation in relations.relations
    ]


def test_the_picture_has_every_table_and_loads_nothing(tables: dict[str, Table]) -> None:
    picture = ElementTree.parse(SVG).getroot()
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    titles = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert sorted(map(str, titles)) == sorted(tables)
    values = [value for each in picture.iter() for value in each.attrib.values()]
    assert not any("//" in value or "url(" in value for value in values)


def test_every_table_stands_in_its_panel_and_on_no_other(placed: tuple[list[Frame], dict[str, Box]]) -> None:
    frames, boxes = placed
    inside = {name: frame for frame in frames for names in frame.panel.columns.values() for name in names}
    for name, box in boxes.items():
        frame = inside[name]
        assert frame.x < box.x, name
        assert box.x + box.width < frame.x + frame.width, name
        assert frame.y < box.y, name
        assert box.y + box.height < frame.y + frame.height, name
    for (one, above), (other, below) in combinations(sorted(boxes.items(), key=lambda each: each[1].y), 2):
        assert above.column != below.column or above.y + above.height < below.y, (one, other)


def test_every_word_has_room(placed: tuple[list[Frame], dict[str, Box]], relations: Relations, layout: Layout) -> None:
    drawn = {(source, target) for source, target, _ in layout.drawn()}
    for name, box in placed[1].items():
        assert 8 + len(name) * 10.5 * MONOSPACE + 4 < box.width, name
        for row in box.rows:
            named = [each.target.table for each in relations.of(End(name, row)) if each[::2] not in drawn]
            needed = 23 + len(row) * 10.5 * MONOSPACE + 5 + len(", ".join(named)) * 9.5 * MONOSPACE + 8
            assert needed < box.width, (name, row)


def test_lines_to_different_tables_do_not_share_a_lane(
    placed: tuple[list[Frame], dict[str, Box]], layout: Layout
) -> None:
    spans: dict[float, dict[End, list[float]]] = {}
    for source, target, lane in layout.drawn():
        ends = [placed[1][end.table].row(end.column) for end in (source, target)]
        spans.setdefault(lane, {}).setdefault(target, []).extend(ends)
    for lane, targets in spans.items():
        for one, other in combinations(targets.values(), 2):
            assert max(one) < min(other) or max(other) < min(one), lane
