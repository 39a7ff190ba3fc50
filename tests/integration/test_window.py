"""The page at ``/ui``: what is served, and in a real browser what a user sees and does there.

Without a browser on the machine (``apt-get install chromium``, or CONNECTKIT_TEST_BROWSER) the tests that
need one are skipped, and the run's summary says so.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectkit.runner.rest.security_principals import token_hash
from connectkit.runner.rest.window import page
from tests.support.browser import Browser, browser, find_browser
from tests.support.rest_worker import RestWorker, rest_worker, wait_until

TOKEN = "0123456789abcdef0123456789abcdef"
MARKUP = "<img src=x onerror=document.title='broken'>"
NO_BROWSER = "NO BROWSER: the window is not tested; install chromium, or name one in CONNECTKIT_TEST_BROWSER"
needs_browser = pytest.mark.skipif(find_browser() is None, reason=NO_BROWSER)
BIG = 9007199254740993


# --- what is served


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestWorker]:
    """A source of two rows, a sink with transforms, one that gives them up, and one that fails."""
    folder = tmp_path_factory.mktemp("window")
    (folder / "orders.csv").write_text(f"id,qty,card\n{BIG},2,no-4111\n2,0,no-4222\n")
    dead = {
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.context.headers.enable": "true",
    }
    steps = {
        "transforms": "total,mask,rest",
        "transforms.total.type": "Expression",
        "transforms.total.expression": "value.double = value.qty * 2",
        "transforms.mask.type": "MaskField$Value",
        "transforms.mask.fields": "card",
        "transforms.rest.type": "Expression",
        "transforms.rest.expression": "drop if value.qty == 0",
    }
    cast = {"transforms": "c", "transforms.c.type": "Cast$Value", "transforms.c.spec": "card:int8"}
    sink = {"connector.class": "FileStreamSink", "topics": "orders"}
    configs = {
        "rows": {"connector.class": "CsvSource", "file": str(folder / "orders.csv"), "topic": "orders"},
        "written": {**sink, "file": str(folder / "out.txt"), **steps, "db.password": "hunter22hunter22"},
        "given-up": {**sink, "file": str(folder / "out2.txt"), **cast, **dead},
        MARKUP: {**sink, "file": str(folder / "none" / "out.txt"), "task.restart.policy": "none"},
    }
    with rest_worker(folder) as made:
        for name, config in configs.items():
            body = {"name": name, "config": config}
            assert made.ask("POST", "/connectors", json_body=body).status == 201
        path = "/connectkit/connectors/given-up/dead-letters"
        wait_until(lambda: len(made.ask("GET", path).json()["letters"]) == 2)
        failed = "/connectkit/connectors"
        wait_until(lambda: made.ask("GET", failed).json()[MARKUP]["health"] == "FAILED")
        yield made


@pytest.mark.parametrize("path", ["/ui", "/ui/", "/ui?x=1"])
def test_the_page(worker: RestWorker, path: str) -> None:
    found = worker.ask("GET", path, headers={"Accept": "text/html"})
    assert found.status == 200
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert found.headers["x-frame-options"] == "DENY"
    assert worker.ask("HEAD", path).status == 200
    assert worker.ask("POST", path).status == 405


def test_the_policy_allows_the_page_s_own_script_and_nothing_else() -> None:
    body, policy = page()
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        [text] = re.findall(rf"<{tag}>(.*?)</{tag}>", body.decode(), re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "*" not in policy


def test_the_page_names_no_other_address_and_writes_no_markup() -> None:
    text = page()[0].decode()
    assert re.findall(r"(?:src|href)=\"(?!#|data:,)", text) == []
    assert "://" not in text
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text) == []


# --- in a browser


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture
def window(chromium: Browser, worker: RestWorker) -> Iterator[Browser]:
    """The page of the worker, opened anew; afterwards nothing may have gone wrong in it."""
    chromium.errors.clear()
    chromium.requested.clear()
    chromium.open(f"{worker.url}/ui?{time.monotonic_ns()}")  # another address, so that it is loaded anew
    chromium.wait("document.body.dataset.ready === 'true'")
    yield chromium
    assert chromium.errors == []
    assert [each for each in chromium.requested if not each.startswith((worker.url, "data:"))] == []


def choose(window: Browser, name: str, tab: str) -> None:
    window.run(f"location.hash = '#/' + encodeURIComponent({json.dumps(name)}) + '/{tab}'")
    window.wait(f"document.getElementById('tab-{tab}').getAttribute('aria-selected') === 'true'")


@needs_browser
def test_connectors_with_state_rates_and_errors(window: Browser) -> None:
    window.wait("document.querySelectorAll('#rows tr').length === 4")
    assert "4 connectors · 3 running · 1 failed" in window.text("#sums")
    rows = {
        line.split("\t")[0]: line.split("\t")[1:]
        for line in window.text("#rows").splitlines()
        if "\t" in line
    }
    assert rows["written"][:3] == ["sink", "RUNNING", "1/1"]
    assert rows["rows"][:3] == ["source", "RUNNING", "1/1"]
    assert rows[MARKUP][:3] == ["sink", "FAILED", "0/1"]
    assert "cannot be opened" in rows[MARKUP][-1]
    assert window.run("document.title") == "connectkit"
    assert window.run("document.querySelector('main img')") is None


@needs_browser
def test_finding(window: Browser) -> None:
    window.fill("#find", "WRIT")
    assert window.run("document.querySelectorAll('#rows tr').length") == 1
    window.fill("#find", "nothing like it")
    assert "No connector is like that" in window.text("#none")
    window.fill("#find", "")
    window.click("#problems")
    window.wait(f"document.getElementById('rows').innerText.includes({json.dumps(MARKUP)})")
    assert "written" not in window.text("#rows")
    window.click("#problems")
    assert window.run("document.querySelectorAll('#rows tr').length") == 4


@needs_browser
@pytest.mark.parametrize("width", [1280, 900, 360])
def test_nothing_runs_out_of_the_window(
    window: Browser, chromium: Browser, worker: RestWorker, width: int
) -> None:
    """A long name and a long error are broken into lines; what is looked at is in sight."""
    long = "generated-from-a-template-" * 5
    broken = {"connector.class": "FileStreamSink", "topics": "t", "file": f"/nowhere/{'deep/' * 30}x"}
    assert worker.ask("PUT", f"/connectors/{long}/config", json_body=broken).status == 201
    try:
        window.open(f"{worker.url}/ui?{time.monotonic_ns()}", width=width, height=700)
        window.wait(f"document.getElementById('rows').innerText.includes({json.dumps(long)})")
        across = "document.documentElement.scrollWidth <= innerWidth"
        assert window.run(across)
        highest = "Math.max(...[...document.querySelectorAll('#rows tr')].map(each => each.offsetHeight))"
        assert window.run(highest) < 260
        choose(window, long, "tasks")
        window.wait("document.getElementById('detail').getBoundingClientRect().top < 250")
        assert window.run(across)
        assert window.run("document.title") == f"{long} · connectkit"
        assert window.run("document.getElementById('connectors').checkVisibility()") is (width == 1280)
        window.key("Escape")
        window.wait("document.getElementById('detail').hidden")
        assert window.run("document.getElementById('connectors').checkVisibility()")
    finally:
        worker.ask("DELETE", f"/connectors/{long}")
        window.open(f"{worker.url}/ui?{time.monotonic_ns()}")


@needs_browser
def test_a_connector_that_is_gone_is_told(window: Browser) -> None:
    choose(window, "nobody", "tasks")
    window.wait("document.getElementById('done').innerText === 'There is no connector nobody here.'")
    assert window.run("document.getElementById('detail').hidden")


@needs_browser
def test_pause_resume_and_restart(window: Browser, worker: RestWorker) -> None:
    choose(window, "rows", "tasks")
    window.wait("document.getElementById('tasks').innerText.includes('Task 0')")
    assert window.run("document.getElementById('resume').disabled")
    window.click("#pause")
    window.wait("document.getElementById('detail-state').innerText === 'PAUSED'")
    assert worker.ask("GET", "/connectors/rows/status").json()["connector"]["state"] == "PAUSED"
    assert window.run("document.getElementById('pause').disabled")
    window.click("#resume")
    window.wait("document.getElementById('detail-state').innerText === 'RUNNING'")
    window.click("#restart")
    window.wait("document.getElementById('done').innerText === 'Restarted: rows'")
    window.wait("document.querySelector('#tasks button')")
    window.click("#tasks button")
    window.wait("document.getElementById('done').innerText === 'Restarted task 0: rows'")
    window.click("#close")
    window.wait("document.getElementById('detail').hidden")
    assert window.run("document.activeElement.innerText") == "rows"


@needs_browser
def test_what_failed_is_told_and_can_be_restarted(window: Browser) -> None:
    choose(window, MARKUP, "tasks")
    window.wait("document.getElementById('tasks').innerText.includes('cannot be opened')")
    assert not window.run("document.getElementById('restart-failed').disabled")
    window.click("#restart-failed")
    window.wait("document.getElementById('done').innerText.startsWith('Restarted what failed')")


@needs_browser
def test_a_preview_shows_what_each_step_changes(window: Browser) -> None:
    choose(window, "written", "preview")
    window.click("#preview-form button[type=submit]")
    window.wait("document.querySelectorAll('#preview-result article').length === 2")
    first, second = (window.text(f"#preview-result article:nth-of-type({n})") for n in (1, 2))
    assert "+ value.double: int64? = 4" in first
    assert '~ value.card: "no-4111" → ""' in first
    assert f'"id":{BIG}' in first  # beyond what the language's own numbers hold
    assert "comes out as" in first
    assert "dropped" in second
    assert "nothing comes out" in second


@needs_browser
def test_a_preview_of_a_changed_configuration(window: Browser) -> None:
    choose(window, "written", "preview")
    window.click("#preview-form summary")
    window.wait("document.getElementById('preview-config').value.includes('MaskField')")
    assert "hunter22" not in window.run("document.getElementById('preview-config').value")
    for old, new, said in (
        ("qty * 2", "qty * 5", "= 10"),
        ("qty * 5", "qty *", "transforms.total"),
        ("{", "", "not JSON"),
    ):
        text = str(window.run("document.getElementById('preview-config').value"))
        window.fill("#preview-config", text.replace(old, new, 1))
        window.click("#preview-form button[type=submit]")
        window.wait(f"document.getElementById('preview-result').innerText.includes({json.dumps(said)})")
    # The browser itself notes that a request was refused: that is no failure of the page.
    window.errors[:] = [each for each in window.errors if "400" not in each]


@needs_browser
def test_dead_letters_say_why(window: Browser) -> None:
    choose(window, "given-up", "letters")
    window.wait("document.querySelectorAll('#letters li').length === 2")
    said = window.text("#letters")
    assert "orders-0@1 at TRANSFORMATION" in said
    assert "4222" not in said
    choose(window, "rows", "letters")
    window.wait("document.getElementById('letters-about').innerText.includes('no dead letter queue')")


@needs_browser
def test_the_log_is_followed(window: Browser, worker: RestWorker) -> None:
    choose(window, "written", "log")
    window.wait("document.querySelectorAll('#log div').length > 0")
    window.fill("#log-level", "DEBUG")
    before = window.text("#log")
    assert worker.ask("POST", "/connectors/written/restart?includeTasks=true").status == 202
    window.wait(f"document.getElementById('log').innerText !== {json.dumps(before)}")


@needs_browser
def test_the_configuration_without_its_secrets(window: Browser) -> None:
    choose(window, "written", "config")
    window.wait("document.getElementById('config').innerText.includes('db.password')")
    assert "[hidden]" in window.text("#config")
    assert "hunter22" not in window.text("body")


@needs_browser
def test_the_keyboard_walks_through_the_tabs(window: Browser) -> None:
    choose(window, "written", "tasks")
    window.run("document.getElementById('tab-tasks').focus()")
    for key, wanted in (
        ("ArrowRight", "preview"),
        ("ArrowLeft", "tasks"),
        ("ArrowLeft", "config"),
        ("Home", "tasks"),
    ):
        window.key(key)
        window.wait(f"document.activeElement.id === 'tab-{wanted}'")
        assert not window.run(f"document.getElementById('panel-{wanted}').hidden")
        assert window.run("document.querySelectorAll('[role=tabpanel]:not([hidden])').length") == 1


@needs_browser
def test_everything_that_can_be_used_has_a_name(window: Browser) -> None:
    choose(window, "written", "preview")
    nameless = window.run(
        """[...document.querySelectorAll('button, input, select, textarea, [role=log]')].filter(e =>
           !(e.innerText?.trim() || e.labels?.length || e.ariaLabel)).map(e => e.outerHTML)"""
    )
    assert nameless == []
    assert window.run("document.documentElement.lang") == "en"
    ids = window.run("[...document.querySelectorAll('[id]')].map(each => each.id)")
    assert len(set(ids)) == len(ids)


# Texts of which the contrast to what is behind them is below 4.5 (WCAG 2.1, level AA).
CONTRASTS = """(() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) =>
    .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
  const back = e => {
    for (; e; e = e.parentElement) {
      const found = rgb(getComputedStyle(e).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const hasText = e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  return [...document.querySelectorAll('body *')]
    .filter(e => !e.disabled && e.checkVisibility() && hasText(e))
    .map(e => {
      const pair = [light(rgb(getComputedStyle(e).color)), light(back(e))].sort((x, y) => y - x);
      return [(pair[0] + .05) / (pair[1] + .05), e.innerText.slice(0, 40)];
    })
    .filter(([ratio]) => ratio < 4.5);
})()"""


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_light_and_dark(window: Browser, scheme: str) -> None:
    window.color_scheme(scheme)
    choose(window, "written", "preview")
    window.click("#preview-form button[type=submit]")
    window.wait("document.querySelectorAll('#preview-result article').length === 2")
    back = str(window.run("getComputedStyle(document.body).backgroundColor"))
    assert (back == "rgb(255, 255, 255)") == (scheme == "light")
    assert window.run(CONTRASTS) == []
    other = {"light": "dark", "dark": "light"}[scheme]
    window.fill("#theme", other)
    assert window.run("getComputedStyle(document.body).backgroundColor") != back
    assert window.run(CONTRASTS) == []
    window.fill("#theme", "auto")
    window.color_scheme("light")


@needs_browser
def test_a_token_is_asked_for_and_kept_in_the_tab(chromium: Browser, tmp_path: Path) -> None:
    options = {
        "rest_principals": "op",
        "rest_principals_op_roles": "admin",
        "rest_principals_op_token_hash": token_hash(TOKEN),
    }
    with rest_worker(tmp_path, **options) as worker:
        file = str(tmp_path / "x")
        sink = {"connector.class": "FileStreamSink", "topics": "t", "file": file, "name": "mine"}
        who = {"Authorization": f"Bearer {TOKEN}"}
        assert worker.ask("PUT", "/connectors/mine/config", json_body=sink, headers=who).status == 201
        chromium.open(f"{worker.url}/ui")
        chromium.wait("document.getElementById('login').open")
        assert chromium.text("#rows") == ""
        for token in ("x" * 32, TOKEN):
            chromium.fill("#token", token)
            chromium.click("#login-form button")
            if token != TOKEN:
                chromium.wait("document.getElementById('login-wrong').innerText.includes('not known')")
        chromium.wait("document.body.dataset.ready === 'true' && !document.getElementById('login').open")
        chromium.wait("!document.getElementById('forget').hidden")
        assert "mine" in chromium.text("#rows")
        assert chromium.run("sessionStorage.getItem('connectkit-token')") == TOKEN
        kept = chromium.run("JSON.stringify({...localStorage}) + location.href + document.cookie")
        assert TOKEN not in str(kept)
        assert not any(TOKEN in address for address in chromium.requested)
        chromium.run("document.body.dataset.old = 'true'")
        chromium.click("#forget")
        chromium.wait("document.body && !document.body.dataset.old && document.getElementById('login')?.open")
        assert chromium.run("sessionStorage.getItem('connectkit-token')") is None


@needs_browser
def test_a_worker_that_goes_away_and_comes_back_is_told(chromium: Browser, tmp_path: Path) -> None:
    with rest_worker(tmp_path) as worker:
        chromium.open(f"{worker.url}/ui")
        chromium.wait("document.body.dataset.ready === 'true'")
        assert "There are no connectors yet" in chromium.text("#none")
    chromium.wait("!document.getElementById('trouble').hidden")
    assert "does not answer" in chromium.text("#trouble")
