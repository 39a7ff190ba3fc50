"use strict";
// The window of a connectkit worker. What comes from the worker is only ever set as text, never as markup:
// names, errors and records are whatever somebody wrote. The token stays in this tab's session storage.
(() => {
  const BASE = location.pathname.replace(/\/ui\/?$/, "");
  const EVERY_MS = 2000;
  const TOLD_MS = 15000;
  const TOKEN = "connectkit-token";
  const THEME = "connectkit-theme";
  const TABS = ["tasks", "preview", "letters", "log", "config"];
  const $ = (id) => document.getElementById(id);

  let connectors = {};
  let chosen = null;
  let tab = "tasks";
  let asking = false;
  const rows = new Map();

  // --- small tools

  const memory = {};
  const keep = (store, key, value) => {
    memory[key] = value;
    try {
      if (value === null) store.removeItem(key);
      else store.setItem(key, value);
    } catch { /* storage is switched off: this page remembers it */ }
  };
  const kept = (store, key) => {
    try { return store.getItem(key) ?? memory[key] ?? null; } catch { return memory[key] ?? null; }
  };

  function el(tag, props = {}, ...children) {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(props)) {
      if (key === "class") made.className = value;
      else if (key === "onclick") made.addEventListener("click", value);
      else made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }
  const setText = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  const FORMATS = [0, 1].map((digits) => new Intl.NumberFormat(undefined, { maximumFractionDigits: digits }));
  const number = (value, digits = 0) => (value === null || value === undefined ? "–" : FORMATS[digits].format(value));
  const json = (value) => JSON.stringify(value);
  const tone = (state) => ({ RUNNING: "good", FAILED: "bad", STALLED: "odd", RESTARTING: "odd", UNASSIGNED: "odd" })[state] ?? "";
  const pill = (state) => el("span", { class: `state ${tone(state)}` }, state);
  const age = (seconds) => {
    if (seconds === null || seconds === undefined) return "never";
    if (seconds < 90) return `${Math.round(seconds)} s ago`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
    return `${Math.round(seconds / 3600)} h ago`;
  };
  let silence;
  function say(text, bad = false) {
    $("done").className = bad ? "bad-text" : "";
    setText($("done"), text);
    clearTimeout(silence);
    if (!bad) silence = setTimeout(() => setText($("done"), ""), TOLD_MS);
  }
  function trouble(text) {
    document.body.classList.toggle("stale", Boolean(text)); // what is shown is from before
    $("trouble").hidden = !text;
    setText($("trouble"), text ?? "");
  }

  // --- asking the worker

  class Refused extends Error {
    constructor(status, message) { super(message); this.status = status; }
  }

  // Numbers beyond what this language holds exactly stay as they were written, where the browser can do that.
  const exactly = (_, value, context) =>
    typeof value === "number" && context?.source !== undefined && JSON.rawJSON && String(value) !== context.source
      ? JSON.rawJSON(context.source) : value;

  async function ask(method, path, body, reviver) {
    const headers = { Accept: "application/json" };
    const token = kept(sessionStorage, TOKEN);
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const answer = await fetch(BASE + path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store", credentials: "omit", redirect: "error",
    });
    const text = await answer.text();
    let found = null;
    try { found = text ? JSON.parse(text, reviver) : null; } catch { /* told below, if it is an error */ }
    if (answer.ok) return found;
    if (answer.status === 401) login(token ? "This token is not known to the worker." : "");
    throw new Refused(answer.status, found?.message ?? `HTTP status ${answer.status}`);
  }
  const of = (name, ...rest) => ["", "connectors", encodeURIComponent(name), ...rest].join("/");
  const own = (name, rest) => `/connectkit${of(name, rest)}`;

  function login(wrong) {
    $("forget").hidden = true;
    setText($("login-wrong"), wrong);
    if (!$("login").open) $("login").showModal();
    $("token").focus();
  }
  $("login-form").addEventListener("submit", (event) => {
    event.preventDefault();
    keep(sessionStorage, TOKEN, $("token").value.trim());
    $("token").value = "";
    $("login").close();
    begin();
  });
  $("login").addEventListener("cancel", (event) => event.preventDefault());
  $("forget").addEventListener("click", () => { keep(sessionStorage, TOKEN, null); location.reload(); });

  // --- the list of connectors

  async function refresh() {
    if (asking || document.hidden || $("login").open) return;
    asking = true;
    try {
      connectors = await ask("GET", "/connectkit/connectors");
      trouble(null);
      $("forget").hidden = !kept(sessionStorage, TOKEN);
      drawList();
      drawDetail();
      if (tab === "log" && chosen !== null && $("log-follow").checked) await readLog();
    } catch (error) {
      if (error.status === 401) return;
      trouble(error.status ? error.message : "The worker does not answer. This page tries again.");
    } finally {
      asking = false;
    }
  }

  const lastError = (found) => {
    const tasks = found.tasks.filter((task) => task.last_error);
    tasks.sort((a, b) => (a.last_error_age_s ?? 1e12) - (b.last_error_age_s ?? 1e12));
    if (tasks.length || !found.connector.trace) return tasks[0] ?? null;
    return { last_error: found.connector.trace.split("\n", 1)[0], last_error_age_s: null };
  };
  const hasProblem = (found) => ["FAILED", "STALLED"].includes(found.health) || lastError(found) !== null;

  function drawList() {
    const names = Object.keys(connectors).sort();
    const states = names.map((name) => connectors[name].health);
    const count = (state) => states.filter((each) => each === state).length;
    const parts = [`${names.length} connector${names.length === 1 ? "" : "s"}`];
    for (const state of ["RUNNING", "FAILED", "STALLED", "PAUSED", "STOPPED"]) {
      if (count(state)) parts.push(`${count(state)} ${state.toLowerCase()}`);
    }
    setText($("sums"), parts.join(" · "));
    const find = $("find").value.trim().toLowerCase();
    const shown = names.filter((name) =>
      name.toLowerCase().includes(find) && (!$("problems").checked || hasProblem(connectors[name])));
    for (const [name, row] of rows) {
      if (!(name in connectors)) { row.line.remove(); rows.delete(name); }
    }
    let before = null;
    for (const name of shown) {
      const row = rows.get(name) ?? newRow(name);
      fillRow(row, connectors[name]);
      const current = String(name === chosen);
      if (row.line.getAttribute("aria-current") !== current) row.line.setAttribute("aria-current", current);
      const next = before === null ? $("rows").firstElementChild : before.nextElementSibling;
      if (next !== row.line) $("rows").insertBefore(row.line, next);
      before = row.line;
    }
    const wanted = new Set(shown);
    for (const [name, row] of rows) if (!wanted.has(name)) row.line.remove();
    $("none").hidden = shown.length > 0;
    const how = "There are no connectors yet. Create one with “connectkit connectors create FILE”, or with POST /connectors.";
    setText($("none"), names.length ? "No connector is like that." : how);
  }

  function newRow(name) {
    const labels = { tasks: "tasks", rate: "records/s", lag: "lag" };
    const cells = ["kind", "status", "number tasks", "number rate", "number lag", "error"].map((kind) => {
      const label = labels[kind.split(" ")[1]];
      return el("td", { class: kind, role: "cell", ...(label && { "data-label": label }) });
    });
    cells[5].append(el("span"));
    const button = el("button", { type: "button", class: "name", onclick: () => choose(name, "tasks", true) }, name);
    const row = { line: el("tr", { role: "row" }, el("th", { scope: "row", role: "rowheader" }, button), ...cells), cells, state: null };
    rows.set(name, row);
    return row;
  }

  function fillRow(row, found) {
    const [type, state, tasks, rate, lag, error] = row.cells;
    const running = found.tasks.filter((task) => task.state === "RUNNING").length;
    setText(type, found.type);
    if (row.state !== found.health) {
      state.replaceChildren(pill(found.health));
      row.state = found.health;
    }
    setText(tasks, `${running}/${found.tasks.length}`);
    setText(rate, number(found.rate_per_s, 1));
    setText(lag, number(found.lag));
    const last = lastError(found);
    const box = error.firstChild;
    setText(box, last === null ? "" : last.last_error + (last.last_error_age_s === null ? "" : ` (${age(last.last_error_age_s)})`));
    if (box.title !== (last?.last_error ?? "")) box.title = last?.last_error ?? "";
  }

  // --- one connector

  function choose(name, which = "tasks", focus = false) {
    chosen = name;
    location.hash = name === null ? "" : `#/${encodeURIComponent(name)}/${which}`;
    if (name === null) { drawList(); drawDetail(); return; }
    for (const id of ["preview-result", "letters", "log", "config", "letters-about"]) $(id).replaceChildren();
    $("preview-config").value = "";
    $("preview-from").value = "";
    drawList();
    drawDetail();
    openTab(which);
    if (focus) $("detail-title").focus();
  }

  function fromHash() {
    const [, name, which] = location.hash.split("/");
    if (!name) return;
    let wanted;
    try { wanted = decodeURIComponent(name); } catch { return; }
    if (wanted !== chosen || which !== tab) choose(wanted, TABS.includes(which) ? which : "tasks");
  }

  function drawDetail() {
    const found = chosen === null ? undefined : connectors[chosen];
    $("detail").hidden = !found;
    document.body.classList.toggle("open", Boolean(found));
    document.title = found ? `${chosen} · connectkit` : "connectkit";
    if (chosen !== null && !found) say(`There is no connector ${chosen} here.`, true);
    if (!found) return;
    setText($("detail-title"), chosen);
    if ($("detail-state").textContent !== found.health) $("detail-state").replaceChildren(pill(found.health));
    const state = found.connector.state;
    $("pause").disabled = state === "PAUSED" || state === "STOPPED";
    $("resume").disabled = !(state === "PAUSED" || state === "STOPPED");
    $("stop").disabled = state === "STOPPED";
    $("restart-failed").disabled = found.health !== "FAILED";
    const items = found.tasks.map((task) => {
      const facts = [
        `${number(task.rate_per_s, 1)} records/s`, `lag ${number(task.lag)}`, `${number(task.in_flight)} in flight`,
        `last record ${age(task.last_record_age_s)}`, `last commit ${age(task.last_commit_age_s)}`,
        `${number(task.restarts)} restarts`,
      ];
      if (task.next_restart_s !== null) facts.push(`next restart in ${Math.round(task.next_restart_s)} s`);
      return el("li", {},
        el("div", { class: "bar" }, el("strong", {}, `Task ${task.id}`), pill(task.stalled ? "STALLED" : task.state),
          el("button", { type: "button", onclick: () => restartTask(task.id), "aria-label": `Restart task ${task.id}` }, "Restart")),
        el("div", { class: "facts" }, facts.join(" · ")),
        task.last_error ? el("div", { class: "bad-text" }, `${task.last_error} (${age(task.last_error_age_s)})`) : null,
        task.note ? el("div", { class: "facts" }, task.note) : null);
    });
    if (found.connector.trace) items.unshift(el("li", { class: "bad-text code" }, found.connector.trace));
    if (!items.length) items.push(el("li", { class: "facts" }, "It has no tasks."));
    const focused = document.activeElement?.getAttribute("aria-label");
    $("tasks").replaceChildren(...items);
    if (focused && document.activeElement === document.body) {
      $("tasks").querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
    }
  }

  async function act(what, method, path) {
    const name = chosen;
    say(`${what}: ${name} …`);
    try {
      await ask(method, path);
      say(`${what}: ${name}`);
      await refresh();
    } catch (error) {
      say(`${what}: ${name}: ${error.message}`, true);
    }
  }
  const restartTask = (task) => act(`Restarted task ${task}`, "POST", of(chosen, "tasks", task, "restart"));
  $("restart").addEventListener("click", () => act("Restarted", "POST", of(chosen, "restart?includeTasks=true")));
  $("restart-failed").addEventListener("click", () =>
    act("Restarted what failed", "POST", of(chosen, "restart?includeTasks=true&onlyFailed=true")));
  $("pause").addEventListener("click", () => act("Paused", "PUT", of(chosen, "pause")));
  $("resume").addEventListener("click", () => act("Resumed", "PUT", of(chosen, "resume")));
  $("stop").addEventListener("click", () => act("Stopped", "PUT", of(chosen, "stop")));
  function close() {
    const row = rows.get(chosen);
    choose(null);
    row?.line.querySelector("button").focus();
  }
  $("close").addEventListener("click", close);
  addEventListener("keydown", (event) => {
    const writes = event.target.closest?.("input, textarea, select, dialog");
    if (event.key === "Escape" && chosen !== null && !writes) close();
  });

  // --- tabs

  function openTab(which) {
    tab = which;
    location.hash = `#/${encodeURIComponent(chosen)}/${which}`;
    for (const each of TABS) {
      const selected = each === which;
      $(`tab-${each}`).setAttribute("aria-selected", String(selected));
      $(`tab-${each}`).tabIndex = selected ? 0 : -1;
      $(`panel-${each}`).hidden = !selected;
    }
    if (which === "letters") readLetters();
    if (which === "log") { $("log").replaceChildren(); readLog(); }
    if (which === "config") readConfig();
    if (which === "preview") fillPreview();
  }
  for (const each of TABS) $(`tab-${each}`).addEventListener("click", () => openTab(each));
  $("tabs").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -TABS.indexOf(tab), End: TABS.length - 1 - TABS.indexOf(tab) }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    openTab(TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length]);
    $(`tab-${tab}`).focus();
  });

  async function readConfig() {
    const name = chosen;
    try {
      const found = await ask("GET", of(name, "config"));
      if (name !== chosen) return;
      const items = Object.keys(found).sort().flatMap((key) => [el("dt", {}, key), el("dd", { class: "code" }, found[key] ?? "null")]);
      $("config").replaceChildren(...items);
    } catch (error) { $("config").replaceChildren(el("dd", { class: "bad-text" }, error.message)); }
  }

  async function readLetters() {
    const name = chosen;
    setText($("letters-about"), "Reading …");
    try {
      const found = await ask("GET", own(name, "dead-letters?limit=50"));
      if (name !== chosen) return;
      const about = found.topic === null
        ? "This connector has no dead letter queue (errors.deadletterqueue.topic.name)."
        : `${number(found.total)} in ${found.topic}; the newest of this connector first, without what was in them.`;
      setText($("letters-about"), about);
      const items = found.letters.reverse().map((letter) => el("li", {},
        el("div", {}, el("strong", {}, letter.origin), ` at ${letter.stage}, ${letter.class}`),
        el("div", { class: "bad-text" }, `${letter.error}: ${letter.message}`),
        el("div", { class: "facts" }, [
          letter.place, letter.timestamp === null ? null : new Date(letter.timestamp).toLocaleString(),
          letter.key_bytes === null ? "no key" : `key of ${number(letter.key_bytes)} bytes`,
          letter.value_bytes === null ? "no value" : `value of ${number(letter.value_bytes)} bytes`,
          letter.replays ? `replayed ${letter.replays} times` : null,
        ].filter(Boolean).join(" · "))));
      $("letters").replaceChildren(...items);
    } catch (error) { setText($("letters-about"), error.message); }
  }
  $("letters-again").addEventListener("click", readLetters);

  async function readLog() {
    const name = chosen;
    const box = $("log");
    try {
      const found = await ask("GET", own(name, `logs?tail=300&level=${$("log-level").value}`));
      if (name !== chosen || tab !== "log") return;
      const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
      const lines = found.lines.map((line) => {
        const task = line.task === null ? "" : `task ${line.task}: `;
        const text = [`${line.time.slice(11, 23)} ${line.level.padEnd(7)} ${task}${line.message}`, ...(line.trace ?? []).map((each) => `    ${each}`)];
        const kind = line.level === "ERROR" || line.level === "CRITICAL" ? "failed" : line.level === "WARNING" ? "changed" : "";
        return el("div", { class: kind }, text.join("\n"));
      });
      if (!lines.length) lines.push(el("div", { class: "dim" }, "It has logged nothing of this level yet."));
      if (lines.length !== box.childElementCount || lines.at(-1).textContent !== box.lastElementChild?.textContent) {
        box.replaceChildren(...lines);
        if (atEnd) box.scrollTop = box.scrollHeight;
      }
    } catch (error) { box.replaceChildren(el("div", { class: "failed" }, error.message)); }
  }
  $("log-level").addEventListener("change", () => { $("log").replaceChildren(); readLog(); });

  // --- previews

  async function fillPreview() {
    const name = chosen;
    if ($("preview-config").value) return;
    try {
      const found = await ask("GET", of(name, "config"));
      if (name === chosen && !$("preview-config").value) $("preview-config").value = JSON.stringify(found, null, 2);
    } catch { /* the preview itself will say why */ }
  }

  $("preview-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = chosen;
    const body = { connector: name, count: Number($("preview-count").value) || 5 };
    if ($("preview-from").value.trim()) body.from = $("preview-from").value.trim();
    const result = $("preview-result");
    if ($("preview-form").querySelector("details").open) {
      try { body.config = JSON.parse($("preview-config").value); } catch (error) {
        result.replaceChildren(el("p", { class: "bad-text" }, `The configuration is not JSON: ${error.message}`));
        return;
      }
    }
    result.replaceChildren(el("p", { class: "dim" }, "Reading records …"));
    try {
      const found = await ask("POST", "/connectkit/preview", body, exactly);
      if (name === chosen) drawPreview(found);
    } catch (error) { result.replaceChildren(el("p", { class: "bad-text" }, error.message)); }
  });

  const SIGNS = { added: "+", removed: "−", changed: "~", type: "±" };

  function changeLine(change) {
    const kind = change.kind in SIGNS ? change.kind : "type";
    const before = change.type_before ?? "no schema";
    const after = change.type_after ?? "no schema";
    let text = `${SIGNS[kind]} ${change.path}: `;
    if (kind === "added") text += `${change.type_after ? `${change.type_after} = ` : ""}${json(change.after)}`;
    else if (kind === "removed") text += `was ${json(change.before)}`;
    else if (kind === "changed") text += `${json(change.before)} → ${json(change.after)}`;
    else text += `${before} → ${after}${"after" in change ? ` (${json(change.before)} → ${json(change.after)})` : ""}`;
    return el("p", { class: `code ${kind}` }, text);
  }

  function stepOf(step) {
    const title = el("h4", {}, `${step.alias} (${step.transform})${step.branch ? ` [${step.branch}]` : ""}`);
    if (step.error !== null) {
      return [title, el("p", { class: "code failed" }, `! failed${step.path ? ` at ${step.path}` : ""}: ${step.error}`)];
    }
    if (!step.applied) return [title, el("p", { class: "code dim" }, `not applied: ${step.predicate} does not hold`)];
    if (step.dropped !== null) return [title, el("p", { class: "code changed" }, `dropped: ${step.dropped}`)];
    if (step.became > 1) return [title, el("p", { class: "code" }, `became ${step.became} records`)];
    if (!step.changes.length) return [title, el("p", { class: "code dim" }, "no change")];
    return [title, ...step.changes.map(changeLine)];
  }

  const viewOf = (view) => `${view.topic}${view.partition === null ? "" : `-${view.partition}`}  key ${json(view.key)}\n${json(view.value)}`;

  function drawPreview(found) {
    const records = found.records.map((record, index) => el("article", {},
      el("h3", {}, `Record ${index + 1}: ${record.place}`),
      record.before === null ? null : el("p", { class: "code" }, viewOf(record.before)),
      ...record.steps.flatMap(stepOf),
      ...record.errors.map((error) => el("p", { class: "code failed" }, `! ${error}`)),
      el("h4", {}, record.results.length ? "comes out as" : "nothing comes out"),
      ...record.results.map((view) => el("p", { class: "code" }, viewOf(view)))));
    const count = found.records.length;
    const out = found.records.reduce((sum, record) => sum + record.results.length, 0);
    const about = count ? `${count} from ${found.from}, ${out} out` : `There was nothing to read from ${found.from}.`;
    $("preview-result").replaceChildren(el("p", {}, about), ...records);
  }

  // --- the page itself

  function setTheme(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    $("theme").value = theme;
  }
  $("theme").addEventListener("change", () => {
    keep(localStorage, THEME, $("theme").value);
    setTheme($("theme").value);
  });
  const theme = kept(localStorage, THEME);
  setTheme(["light", "dark"].includes(theme) ? theme : "auto");
  $("find").addEventListener("input", drawList);
  $("problems").addEventListener("change", drawList);
  addEventListener("hashchange", fromHash);
  document.addEventListener("visibilitychange", refresh);

  async function begin() {
    try {
      const [worker] = await ask("GET", "/connectkit/workers");
      setText($("worker"), `${worker.version} at ${worker.worker_id}`);
    } catch (error) {
      if (error.status === 401) return;
    }
    await refresh();
    fromHash();
    document.body.dataset.ready = "true";
  }

  begin();
  setInterval(refresh, EVERY_MS);
})();
