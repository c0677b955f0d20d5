"use strict";
const bodies = [...document.querySelectorAll("table.phones")].map((table) => table.tBodies[0]);
const collator = new Intl.Collator(undefined, { numeric: true });
const value = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent;

// orderOf returns how values of a sorted column are compared: no value comes last.
const orderOf = (head) => {
  const up = head.getAttribute("aria-sort") === "ascending";
  return (a, b) => (a === "") - (b === "") || (up ? collator.compare(a, b) : collator.compare(b, a));
};

// sort brings the rows of a table into the order of a column.
const sort = (head, column) => {
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of head.parentNode.cells) {
    other.removeAttribute("aria-sort");
  }
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const order = orderOf(head);
  const body = head.closest("table").tBodies[0];
  const rows = [...body.rows].map((row) => [value(row, column), row]);
  rows.sort(([a], [b]) => order(a, b));
  body.append(...rows.map(([, row]) => row));
};
for (const head of document.querySelectorAll("table.phones th[data-sort], table.sort th[data-sort]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  button.addEventListener("click", () => sort(head, head.cellIndex));
  head.append(button);
}

const form = document.querySelector("form");
const texts = new Map(); // of rows, in lower case

// textOf returns the text of a row in lower case.
const textOf = (row) => {
  if (!texts.has(row)) {
    texts.set(row, row.textContent.toLowerCase());
  }
  return texts.get(row);
};

// filter hides the rows that do not have the words and the outcome.
const filter = () => {
  const [text, outcome] = form.elements;
  const all = bodies.flatMap((body) => [...body.rows]);
  const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of all) {
    const show = (outcome.value === "" || row.dataset.o === outcome.value) && words.every((word) => textOf(row).includes(word));
    row.hidden = !show;
    count += show;
  }
  form.querySelector("output").textContent = count === all.length ? "" : `${count} of ${all.length} phones`;
};
if (form !== null && bodies.length > 0) {
  const [text, outcome] = form.elements;
  let later = 0;
  text.addEventListener("input", () => {
    clearTimeout(later);
    later = setTimeout(filter, 150);
  });
  outcome.addEventListener("change", filter);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    filter();
  });
  form.hidden = false;
}
