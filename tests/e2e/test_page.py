"""The HTML report in Debian's Chromium, opened from disk: of a real recording, of hostile SQL, and as npm builds it anew."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
WEB = REPOSITORY / "reporters" / "web"
CHROMIUM = shutil.which("chromium")

# Names of columns, aliases and a route that are markup, in a loop that is a proven N+1. (A connection that makes tables is a
# migration, which is not judged.)
HOSTILE = """
import os, psycopg2
connection = psycopg2.connect(os.environ["DATABASE_URL"])
cursor = connection.cursor()
image, comment = '</script><img src=//evil.invalid/x onerror=alert(1)>', '<!--<script>alert(2)//'
cursor.execute('DROP TABLE IF EXISTS evil_books, evil_authors')
cursor.execute(f'CREATE TABLE evil_authors (id int PRIMARY KEY, "javascript:alert(4)" text, "{comment}" text)')
cursor.execute(f'CREATE TABLE evil_books (id int PRIMARY KEY, evil_author_id int REFERENCES evil_authors, "{image}" text)')
cursor.execute("INSERT INTO evil_authors SELECT i * 17, repeat('<', 20), '-->' FROM generate_series(1, 30) i")
cursor.execute("INSERT INTO evil_books SELECT i + 5000, i * 17, '<b>' FROM generate_series(1, 30) i")
connection.commit()
connection.close()
connection = psycopg2.connect(os.environ["DATABASE_URL"])
cursor = connection.cursor()
route = "/* route='%3Cimg%20src%3Dx%20onerror%3Dalert%283%29%3E' */"
cursor.execute(f'{route} SELECT id, "javascript:alert(4)", "{comment}" FROM evil_authors')
for key, *_ in cursor.fetchall():
    cursor.execute(f'SELECT id, "{image}" AS "{comment}" FROM evil_books AS "{image}" WHERE evil_author_id = %s', (key,))
    cursor.fetchall()
connection.commit()
"""


@dataclass
class Watched:
    """An open page, and what it tried beside showing itself."""

    page: Any
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def is_quiet(self) -> bool:
        return (self.requests, self.dialogs, self.complaints) == ([], [], [])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium here (scripts/setup test)")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Watched]]:
    contexts = []

    def open_page(file: Path, place: str = "", **options: Any) -> Watched:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.page.on("request", lambda request: request.url.startswith(file.as_uri()) or watched.requests.append(request.url))
        watched.page.on("dialog", lambda dialog: (watched.dialogs.append(dialog.message), dialog.dismiss()))
        watched.page.on("console", lambda message: watched.complaints.append(message.text))
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        watched.page.goto(file.as_uri() + place)
        return watched

    yield open_page
    for context in contexts:
        context.close()


def settle(page: Any) -> None:
    """Preact draws after the event that it answers."""
    page.evaluate("new Promise(done => setTimeout(() => requestAnimationFrame(done), 20))")


def html_of(binary: Path, trace: Path, file: Path) -> Path:
    subprocess.run([binary, "report", trace, "--format", "html", "--output", file], check=True)
    return file


@pytest.fixture(scope="module")
def shop(
    pgassay_binary: Path, run_pgassay: Callable[..., Any], shop_client: Path, pg: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    pg.psql("CREATE DATABASE page", "postgres")
    assert subprocess.run([shop_client, "load"], env=pg.env("page"), check=False).returncode == 0
    done = run_pgassay([shop_client, "bad"], dbname="page")
    return html_of(pgassay_binary, done.trace, tmp_path_factory.mktemp("page") / "shop.html"), done


@pytest.fixture(scope="module")
def hostile(pgassay_binary: Path, run_pgassay: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    pytest.importorskip("psycopg2")
    done = run_pgassay([sys.executable, "-c", HOSTILE], flags=["--database=auto"])
    assert done.code == 0, done.stderr
    return html_of(pgassay_binary, done.trace, tmp_path_factory.mktemp("page") / "hostile.html"), done


def test_the_findings_come_first_each_with_its_picture_its_unit_and_its_fix(
    shop: tuple[Path, Any], opened: Callable[..., Watched]
) -> None:
    file, done = shop
    watched = opened(file)
    page = watched.page
    assert page.locator("nav .entry").count() == len(done.findings)
    proven = next(finding for finding in done.findings if finding["rule"] == "n-plus-one" and finding["confidence"] == "proven")
    page.goto(f"{file.as_uri()}#finding/{proven['id']}")
    settle(page)
    article = page.locator("article")
    assert proven["title"].replace(" <- ", " ← ") in article.locator("h2").inner_text()
    assert article.locator(".picture .box").count() >= 2
    folded = article.locator(".waterfall .times").all_inner_texts()
    assert any(text.startswith("× ") for text in folded)
    assert article.locator(".code pre").first.inner_text()
    assert watched.is_quiet(), watched


def test_a_link_to_a_finding_opens_it_and_a_short_id_is_enough(shop: tuple[Path, Any], opened: Callable[..., Watched]) -> None:
    file, done = shop
    last = done.findings[-1]
    for ident in (last["id"], last["id"][:8]):
        page = opened(file, f"#finding/{ident}").page
        assert page.locator("article").get_attribute("id") == last["id"]
        assert page.locator("nav [aria-current]").get_attribute("data-id") == last["id"]


def test_a_longer_round_trip_costs_more(shop: tuple[Path, Any], opened: Callable[..., Watched]) -> None:
    file, done = shop
    proven = next(finding for finding in done.findings if finding["round_trips_saved"] > 10)
    page = opened(file, f"#finding/{proven['id']}").page
    before = page.locator(".bars .number").first.inner_text()
    page.locator(".distance input").focus()
    page.keyboard.press("End")
    settle(page)
    assert page.locator(".distance output").inner_text() == "100 ms"
    assert page.locator(".bars .number").first.inner_text() != before
    assert " s " in page.locator(".bars .number").first.inner_text() + " "


def test_statements_are_sorted_filtered_and_opened(shop: tuple[Path, Any], opened: Callable[..., Watched]) -> None:
    watched = opened(shop[0], "#statements")
    page = watched.page
    heading = page.get_by_role("columnheader", name="calls")
    cells = page.locator("tbody tr td:nth-child(2)")

    def calls() -> list[int]:
        settle(page)
        return [int("".join(filter(str.isdigit, text))) for text in cells.all_inner_texts()]

    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert calls() == sorted(calls(), reverse=True) and len(set(calls())) > 1
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending" and calls() == sorted(calls())
    everything = len(calls())
    page.get_by_role("searchbox").fill("users WHERE")
    assert 0 < len(calls()) < everything
    assert all("where" in text.lower() for text in page.locator("tbody td.text").all_inner_texts())
    page.get_by_role("searchbox").fill("no statement says this")
    assert calls() == []
    page.get_by_role("searchbox").fill("")
    heading.get_by_role("button").click()
    settle(page)
    page.locator("tbody td button").first.click()
    page.locator("tr.details .distribution rect").first.wait_for()
    assert watched.is_quiet(), watched


def test_everything_is_reached_by_keyboard(shop: tuple[Path, Any], opened: Callable[..., Watched]) -> None:
    page = opened(shop[0]).page
    page.locator("nav .entry").first.focus()
    first = page.locator("article").get_attribute("id")
    page.keyboard.press("j")
    page.locator(f"article:not([id='{first}'])").wait_for()
    page.keyboard.press("k")
    page.locator(f"article[id='{first}']").wait_for()
    page.locator("#tab-findings").focus()
    for tab in ("statements", "scopes", "columns"):
        page.keyboard.press("ArrowRight")
        page.locator(f"#tab-{tab}[aria-selected=true]").wait_for()
        assert page.evaluate("document.activeElement.id") == f"tab-{tab}"


def test_the_fix_is_copied(shop: tuple[Path, Any], opened: Callable[..., Watched]) -> None:
    file, done = shop
    fixable = next(finding for finding in done.findings if finding["fix"]["sql"])
    page = opened(file, f"#finding/{fixable['id']}", permissions=["clipboard-read", "clipboard-write"]).page
    page.locator(".code button").first.click()
    page.get_by_role("button", name="copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == fixable["fix"]["sql"]


def test_on_paper_every_finding_is_open_and_dark_is_dark(shop: tuple[Path, Any], opened: Callable[..., Watched]) -> None:
    file, done = shop
    page = opened(file, color_scheme="dark").page
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.emulate_media(color_scheme="light")
    assert page.evaluate(background) != dark
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    settle(page)
    assert page.locator("article").count() == len(done.findings)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    settle(page)
    assert page.locator("article").count() == 1


PLANNED = """
CREATE TABLE customers (id int PRIMARY KEY, email text NOT NULL, seen timestamp);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, total numeric, note text);
INSERT INTO customers SELECT i, 'customer-' || i, now() FROM generate_series(1, 500) i;
INSERT INTO orders SELECT i, i % 500 + 1, i, 'note ' || i FROM generate_series(1, 20000) i;
ANALYZE
"""
PER_CUSTOMER = "SELECT id, total FROM orders WHERE customer_id = 7"
DEEP = "WITH o AS MATERIALIZED (SELECT customer_id, sum(total) AS s FROM orders GROUP BY 1) " + " UNION ALL ".join(
    f"SELECT c.email FROM customers c JOIN o ON o.customer_id = c.id WHERE o.s > {n}" for n in range(3)
)


@pytest.fixture(scope="module")
def planned(pgassay_binary: Path, run_pgassay: Callable[..., Any], pg: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Path]:
    pg.psql("CREATE DATABASE planned", "postgres")
    pg.psql(PLANNED, "planned")
    folder = tmp_path_factory.mktemp("planned")
    config = folder / "pgassay.toml"
    config.write_text("[rules.seq-scan]\nenabled = 1\n")
    words = [word for query in [PER_CUSTOMER] * 6 + [DEEP] for word in ("-c", query)]
    done = run_pgassay(["psql", "-XAtq", *words], flags=["--database=auto", "--config", str(config)], dbname="planned")
    assert done.code == 0, done.stderr
    subprocess.run([pgassay_binary, "report", done.trace, "--config", config, "--format", "html", "--output", folder / "planned.html"], check=True)
    return folder / "planned.html", done, config


def test_a_plan_is_a_tree_with_its_most_expensive_node_marked(
    planned: tuple[Path, Any, Path], pgassay_binary: Path, opened: Callable[..., Watched]
) -> None:
    file, done, config = planned
    finding = next(finding for finding in done.findings if finding["rule"] == "seq-scan")
    watched = opened(file, f"#finding/{finding['id']}")
    plans = watched.page.locator("article .plan")
    assert plans.count() == 2  # with the values, and without sequential scans
    assert plans.first.get_attribute("open") is not None
    assert plans.first.locator(".most > code").all_inner_texts() == ["Seq Scan on orders"]
    shown = subprocess.run([pgassay_binary, "show", done.trace, finding["id"], "--config", config], capture_output=True, text=True, check=True).stdout
    for text in plans.first.locator("summary, .condition").all_inner_texts():
        assert text.removesuffix(" 1 node") in " ".join(shown.split())
    assert "Seq Scan on orders" in shown and watched.is_quiet(), watched


def test_a_long_plan_is_folded_until_asked_for(planned: tuple[Path, Any, Path], opened: Callable[..., Watched]) -> None:
    watched = opened(planned[0], "#statements")
    page = watched.page
    page.get_by_role("searchbox").fill("MATERIALIZED")
    page.locator("tbody td button").first.click()
    plan = page.locator(".plan").first
    assert plan.get_attribute("open") is None and not plan.locator(".node").first.is_visible()
    plan.locator("summary").focus()
    page.keyboard.press("Enter")
    plan.locator(".node").first.wait_for()
    assert plan.locator(".node").count() > 12 and plan.locator(".most").count() == 1
    deepest = plan.locator("ul ul ul .node", has_text="Seq Scan on orders")
    assert deepest.count() == 1
    page.evaluate("location.hash = 'findings'; dispatchEvent(new Event('beforeprint'))")
    settle(page)
    assert page.locator(".plan:not([open])").count() == 0
    assert watched.is_quiet(), watched


def test_a_finding_about_the_schema_alone_is_shown(planned: tuple[Path, Any, Path], opened: Callable[..., Watched]) -> None:
    file, done, _ = planned
    of_schema = [finding for finding in done.findings if finding["statement"] is None]
    assert of_schema
    watched = opened(file)
    for finding in of_schema:
        watched.page.goto(f"{file.as_uri()}#finding/{finding['id']}")
        watched.page.locator(f"article[id='{finding['id']}'] .facts").first.wait_for()
    assert watched.is_quiet(), watched


def test_hostile_sql_is_text(hostile: tuple[Path, Any], opened: Callable[..., Watched]) -> None:
    file, done = hostile
    assert any("onerror" in finding["statement"]["sql"] for finding in done.findings), done.report
    assert "<img" not in file.read_text()
    watched = opened(file)
    page = watched.page
    drawn = 0
    for finding in done.findings:
        page.goto(f"{file.as_uri()}#finding/{finding['id']}")
        page.locator(f"article[id='{finding['id']}']").wait_for()
        drawn += page.locator(".node code", has_text="onerror").count()
    assert drawn > 0
    for tab in ("statements", "scopes", "columns"):
        page.locator(f"#tab-{tab}").click()
        settle(page)
        assert page.locator("main").inner_text()
    assert page.locator("img, iframe, object, [onerror], a[href^='javascript' i]").count() == 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    settle(page)
    assert watched.is_quiet(), watched


def test_a_page_that_would_fetch_is_seen(opened: Callable[..., Watched], tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text("<img src=http://127.0.0.1:9/x onerror=alert(1)>")
    watched = opened(file)
    watched.page.wait_for_timeout(300)
    assert watched.requests and watched.dialogs


def test_the_committed_page_is_what_its_sources_build(tmp_path: Path) -> None:
    vite = WEB / "node_modules" / ".bin" / "vite"
    if not vite.exists():
        pytest.skip("the page's packages are not here (scripts/setup page)")
    built = tmp_path / "page.html"
    subprocess.run([vite, "build"], cwd=WEB, env=os.environ | {"PGASSAY_PAGE": str(built)}, check=True, capture_output=True)
    assert built.read_text() == (WEB / "page.html").read_text(), "npm run build in reporters/web, and commit page.html"
