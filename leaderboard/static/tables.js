// Sorting, filtering, hiding of columns and downloads for tables. The state is kept in the URL's fragment: TABLE.sort, TABLE.q, TABLE.hide.
"use strict";

const state = new URLSearchParams(location.hash.slice(1));

function remember(key, value) {
  if (value) state.set(key, value);
  else state.delete(key);
  const text = state.toString();
  history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function compare(a, b) {
  if (a === "" || b === "") return (a === "") - (b === ""); // missing values sort last
  const [x, y] = [Number(a), Number(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
}

function enhance(table) {
  const name = table.dataset.table;
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const value = (row, i) => row.cells[i].dataset.value ?? row.cells[i].textContent.trim();

  function sort(key, descending) {
    const i = heads.findIndex((head) => head.dataset.key === key);
    if (i < 0) return;
    const order = [...rows].sort((a, b) => {
      const [x, y] = [value(a, i), value(b, i)];
      const missing = (x === "") - (y === "");
      return missing || (descending ? -1 : 1) * compare(x, y);
    });
    body.append(...order);
    table.classList.add("sorted");
    heads.forEach((head, j) => head.setAttribute("aria-sort", j !== i ? "none" : descending ? "descending" : "ascending"));
  }

  function filter(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
      shown += !row.hidden;
    }
    count.textContent = text ? `${shown} of ${rows.length} rows` : "";
  }

  function hide(keys) {
    heads.forEach((head, i) => {
      const off = keys.includes(head.dataset.key);
      for (const row of [table.tHead.rows[0], ...rows]) row.cells[i].hidden = off;
    });
  }

  heads.forEach((head, i) => {
    if (!head.dataset.key) return;
    const button = element("button", { type: "button", title: head.title }, head.textContent);
    head.removeAttribute("title");
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const first = head.dataset.better === "up";
      const descending = now === "none" ? first : now === "ascending";
      sort(head.dataset.key, descending);
      remember(name + ".sort", (descending ? "-" : "") + head.dataset.key);
    });
  });

  const count = element("span", { className: "note" });
  count.setAttribute("role", "status");
  const search = element("input", { type: "search", value: state.get(name + ".q") ?? "" });
  search.addEventListener("input", () => {
    filter(search.value);
    remember(name + ".q", search.value);
  });
  const hidden = (state.get(name + ".hide") ?? "").split(",").filter(Boolean);
  const boxes = heads
    .filter((head) => head.dataset.key)
    .map((head) => {
      const box = element("input", { type: "checkbox", checked: !hidden.includes(head.dataset.key), value: head.dataset.key });
      box.addEventListener("change", () => {
        const off = boxes.map((one) => one.firstChild).filter((one) => !one.checked);
        hide(off.map((one) => one.value));
        remember(name + ".hide", off.map((one) => one.value).join(","));
      });
      return element("label", {}, box, " " + head.textContent);
    });
  const rowsOut = () => [table.tHead.rows[0], ...body.rows].filter((row) => !row.hidden).map((row) => [...row.cells].filter((cell) => !cell.hidden));
  const save = (kind, text, type) => {
    const link = element("a", { href: URL.createObjectURL(new Blob([text()], { type })), download: `${name}.${kind}` });
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const quote = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const shown = (cell) => cell.textContent.trim().replace(/\s+/g, " ");
  const toCsv = () => rowsOut().map((cells) => cells.map((cell) => quote(shown(cell))).join(",")).join("\n") + "\n";
  const toJson = () => {
    const [head, ...rest] = rowsOut();
    const keys = head.map((cell) => cell.dataset.key);
    return JSON.stringify(rest.map((cells) => Object.fromEntries(cells.map((cell, i) => [keys[i], cell.dataset.value ?? shown(cell)]))), null, 1);
  };
  const csv = element("button", { type: "button" }, "CSV");
  csv.addEventListener("click", () => save("csv", toCsv, "text/csv"));
  const json = element("button", { type: "button" }, "JSON");
  json.addEventListener("click", () => save("json", toJson, "application/json"));
  const columns = element("details", { className: "columns" }, element("summary", {}, "Columns"), element("div", {}, ...boxes));
  const tools = document.querySelector(`.tools[data-for="${name}"]`); // empty element that reserves the space, so that nothing moves
  tools.append(element("label", {}, "Filter ", search), columns, element("span", {}, "Download ", csv, " ", json), count);

  if (hidden.length) hide(hidden);
  if (search.value) filter(search.value);
  const wanted = state.get(name + ".sort");
  if (wanted) sort(wanted.replace(/^-/, ""), wanted.startsWith("-"));
}

for (const table of document.querySelectorAll("table[data-table]")) enhance(table);
