// The sample browser. Data files are loaded one at a time as script elements, which also works for pages opened from disk.
// The filters are kept in the URL's fragment.
"use strict";

const PAGE = 25;
const ORDER = ["model", "task", "length", "method", "depth", "outcome", "reason"];
let manifest = [];
let queue = []; // chunks not yet searched: copies of their cell with the chunk's name
const waiting = new Map(); // file → function that resolves its promise
let drawn = 0;
let search = 0; // number of the current search; an older one stops when it differs
let filters = new URLSearchParams(location.hash.slice(1));
const form = document.getElementById("filters");
const list = document.getElementById("list");
const more = document.getElementById("more");
const status = document.getElementById("status");

function load(file) {
  return new Promise((resolve, reject) => {
    waiting.set(file, resolve);
    const script = document.createElement("script");
    script.src = `data/samples/${file}.js`;
    script.onerror = () => reject(new Error(file));
    script.onload = () => script.remove();
    document.head.append(script);
  });
}

window.sealManifest = (rows) => waiting.get("manifest")(rows);
window.sealChunk = (name, rows) => waiting.get(name)(rows);

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const board = () => manifest[Number(filters.get("model") ?? 0)] ?? manifest[0];
const unique = (values) => [...new Set(values)];

function options(key) {
  const cells = board().cells.filter((cell) => !filters.get("task") || cell.task === filters.get("task"));
  if (key === "model") return manifest.map((one, i) => [String(i), one.model]);
  if (key === "task") return [["", "all tasks"], ...unique(board().cells.map((cell) => cell.task)).map((x) => [x, x])];
  if (key === "length") return [["", "all lengths"], ...new Map(cells.map((cell) => [String(cell.length), cell.size]))];
  if (key === "method") return board().methods.map((name, i) => [String(i), name]);
  if (key === "depth") return [["", "any depth"], ...[0, 1, 2, 3, 4].map((i) => [String(i), `${20 * i}–${20 * i + 20} % deep`])];
  if (key === "outcome") return [["", "right or wrong"], ["1", "right"], ["0", "wrong"], ["none", "unscored"], ["won", "right where the first method is wrong"], ["lost", "wrong where the first method is right"]];
  return [["", "any reason"], ...board().reasons.map((x) => [x, x])];
}

// the text to search for; samples are read from the disk or the net one chunk at a time, until a page is full
function searchBox() {
  const box = element("input", { type: "search", title: "in the samples as they are shown: long prompts and replies are cut", name: "text", id: "filter-text", value: filters.get("text") ?? "", size: 18 });
  let waits = 0;
  box.addEventListener("input", () => {
    clearTimeout(waits);
    waits = setTimeout(() => {
      filters.delete("sample");
      filters.delete("chunk");
      if (box.value) filters.set("text", box.value);
      else filters.delete("text");
      history.replaceState(null, "", "#" + filters);
      start();
    }, 250);
  });
  return element("span", {}, element("label", { htmlFor: box.id }, "text"), " ", box);
}

function mentions(row, text) {
  const replies = row.replies.flatMap(([, , answer, reply]) => [answer, reply]);
  return [row.id, row.prompt, ...row.expected, ...replies].some((one) => one?.toLowerCase().includes(text));
}

function drawFilters() {
  form.replaceChildren(
    ...ORDER.map((key) => {
      const select = element("select", { name: key });
      for (const [value, label] of options(key)) select.append(new Option(label, value));
      select.value = filters.get(key) ?? (key === "method" ? String(Math.min(1, board().methods.length - 1)) : select.options[0].value);
      if (select.selectedIndex < 0) select.selectedIndex = 0;
      select.addEventListener("change", () => {
        if (key === "model") for (const other of [...ORDER, "text"]) filters.delete(other);
        filters.delete("sample");
        filters.delete("chunk");
        if (key === "task") filters.delete("length");
        if (select.value) filters.set(key, select.value);
        else filters.delete(key);
        history.replaceState(null, "", "#" + filters);
        drawFilters();
        start();
      });
      select.id = "filter-" + key;
      return element("span", {}, element("label", { htmlFor: select.id }, key), " ", select);
    }),
    searchBox(),
  );
}

function wanted(row, method) {
  const [score, reason] = row.replies[method];
  if (filters.get("sample")) return row.id === filters.get("sample");
  if (filters.get("depth") && (row.depth === null || Math.min(4, Math.floor(row.depth * 5)) !== Number(filters.get("depth")))) return false;
  if (filters.get("text") && !mentions(row, filters.get("text").toLowerCase())) return false;
  const first = row.replies[0][0];
  const outcome = filters.get("outcome");
  if (outcome === "none" && score !== null) return false;
  if ((outcome === "1" || outcome === "0") && String(score) !== outcome) return false;
  if (outcome === "won" && !(score === 1 && first === 0)) return false;
  if (outcome === "lost" && !(score === 0 && first === 1)) return false;
  const why = filters.get("reason");
  return !why || reason === why || (why === "wrong value" && reason.startsWith("wrong ")); // 'wrong line' is one
}

function card(row, cell, method) {
  const names = board().methods;
  const score = (value) => (value === null ? "unscored" : value === 1 ? "right" : value === 0 ? "wrong" : `${value}`);
  const shown = filters.get("sample") ? names.map((_, i) => i) : unique([0, method]);
  const rows = shown.map((i) => {
    const [value, reason, answer, reply] = row.replies[i];
    const mark = element("td", { className: value === 1 ? "right" : "wrong" }, `${score(value)} (${reason})`);
    return element("tr", {}, element("th", { scope: "row" }, element("span", { className: names[i].length > 40 ? "long" : "" }, names[i])), mark, element("td", {}, answer ?? "–"), element("td", { className: "reply" }, reply));
  });
  const head = element("tr", {}, ...["method", "score", "extracted answer", "reply"].map((x) => element("th", { scope: "col" }, x)));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  const box = element("div", { className: "scroll", tabIndex: 0 }, table);
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", `replies to ${row.id}`);
  const depth = row.depth === null ? "" : `, ${Math.round(100 * row.depth)} % deep`;
  const link = element("a", { href: `#chunk=${cell.chunk}&sample=${encodeURIComponent(row.id)}` }, row.id);
  const prompt = element("details", {}, element("summary", {}, "Prompt"), element("pre", { className: "prompt" }, row.prompt));
  return element("article", { className: "sample" }, element("h2", {}, link), element("p", { className: "note" }, `${cell.task}, ${cell.size}${row.tokens === null ? "" : `, ${row.tokens} tokens`}${depth}; expected: ${row.expected.join(", ")}`), box, prompt);
}

async function next() {
  const mine = search;
  const method = Number(form.elements.method.value);
  let found = 0;
  more.hidden = true;
  while (queue.length && found < PAGE) {
    const cell = queue[0];
    status.textContent = `Reading ${cell.chunk} …`;
    const rows = await load(cell.chunk);
    if (mine !== search) return;
    let i = cell.from ?? 0;
    for (; i < rows.length && found < PAGE; i++) {
      if (!wanted(rows[i], method)) continue;
      list.append(card(rows[i], cell, method));
      found++;
      drawn++;
    }
    if (i < rows.length) cell.from = i;
    else queue.shift();
  }
  more.hidden = !queue.length;
  status.textContent = drawn ? `${drawn} sample${drawn === 1 ? "" : "s"} shown${queue.length ? "" : ", all that match"}.` : "No sample matches.";
}

function start() {
  search++;
  drawn = 0;
  list.replaceChildren();
  queue = [];
  for (const cell of board().cells) {
    if (filters.get("task") && cell.task !== filters.get("task")) continue;
    if (filters.get("length") && String(cell.length) !== filters.get("length")) continue;
    for (const chunk of cell.chunks) if (!filters.get("chunk") || filters.get("chunk") === chunk) queue.push({ ...cell, chunk });
  }
  next().catch((error) => (status.textContent = `${error.message} could not be loaded.`));
}

// draw what the filters in the URL say
function draw() {
  if (filters.get("chunk") && !filters.get("model")) filters.set("model", filters.get("chunk").split("-")[0]);
  drawFilters();
  start();
}

more.addEventListener("click", () => next());
// a link to a sample, the browser's Back, an address that was edited; the link that skips to the results changes nothing
window.addEventListener("hashchange", () => {
  if (!manifest.length || location.hash === "#main") return;
  filters = new URLSearchParams(location.hash.slice(1));
  scrollTo(0, 0);
  draw();
});
load("manifest")
  .then((rows) => {
    manifest = rows;
    draw();
  })
  .catch(() => (status.textContent = "The samples could not be loaded."));
