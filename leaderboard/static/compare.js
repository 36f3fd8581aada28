// Menus that choose a model and two methods, in addition to the table of links.
"use strict";

const links = [...document.querySelectorAll("a[data-pair]")].map((link) => ({ href: link.getAttribute("href"), names: JSON.parse(link.dataset.pair) }));

function menu(label, choices) {
  const select = document.createElement("select");
  for (const name of choices) select.append(new Option(name, name));
  const made = document.createElement("label");
  made.append(label + " ", select);
  return { made, select };
}

if (links.length) {
  const chooser = document.getElementById("chooser");
  const models = [...new Set(links.map((link) => link.names[0]))];
  const model = menu("Model", models);
  const a = menu("method", []);
  const b = menu("against", []);
  const go = document.createElement("button");
  go.type = "button";
  go.textContent = "Compare";
  const fill = () => {
    const methods = [...new Set(links.filter((link) => link.names[0] === model.select.value).flatMap((link) => link.names.slice(1)))];
    for (const one of [a, b]) one.select.replaceChildren(...methods.map((name) => new Option(name, name)));
    b.select.selectedIndex = 0;
    a.select.selectedIndex = 1;
  };
  model.select.addEventListener("change", fill);
  go.addEventListener("click", () => {
    const wanted = [a.select.value, b.select.value];
    const found = links.find((link) => link.names[0] === model.select.value && wanted.includes(link.names[1]) && wanted.includes(link.names[2]) && wanted[0] !== wanted[1]);
    if (found) location.href = found.href;
    else said.textContent = "Choose two different methods.";
  });
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  chooser.append(model.made, a.made, b.made, go, said);
  chooser.hidden = false;
  fill();
}
