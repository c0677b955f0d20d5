"use strict";
(() => {
  const bodies = [...document.querySelectorAll("table.phones")].map((table) => table.tBodies[0]);
  const order = new Intl.Collator(undefined, { numeric: true });
  const value = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent;

  // sort brings the rows of a table into the order of a column; rows without a value come last.
  const sort = (head, column) => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentNode.cells) {
      other.removeAttribute("aria-sort");
    }
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = head.closest("table").tBodies[0];
    const rows = [...body.rows].map((row) => [value(row, column), row]);
    rows.sort(([a], [b]) => (a === "") - (b === "") || (up ? order.compare(a, b) : order.compare(b, a)));
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
  if (form === null || bodies.length === 0) {
    return;
  }
  const [text, outcome] = form.elements;
  const said = form.querySelector("output");
  let texts = null; // of each row, in lower case

  // filter hides the rows that do not have the words and the outcome.
  const filter = () => {
    const all = bodies.flatMap((body) => [...body.rows]);
    texts ??= new Map(all.map((row) => [row, row.textContent.toLowerCase()]));
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of all) {
      const show = (outcome.value === "" || row.dataset.o === outcome.value) && words.every((word) => texts.get(row).includes(word));
      row.hidden = !show;
      count += show;
    }
    said.textContent = count === all.length ? "" : `${count} of ${all.length} phones`;
  };
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
})();
