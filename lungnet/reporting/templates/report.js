"use strict";
// Sorts and filters the case table; without it the table stands as it is, worst errors first.
(() => {
  const table = document.getElementById("case-table");
  const body = table.tBodies[0];
  const ids = (row) => Array.from(row.querySelectorAll(".id"), (cell) => cell.textContent.toLowerCase()).join(" ");
  const rows = Array.from(body.rows, (row, place) => ({ row, place, text: ids(row) }));
  const outcome = document.getElementById("outcome");
  const find = document.getElementById("find");
  const count = document.getElementById("count");

  const filter = () => {
    const wanted = find.value.trim().toLowerCase();
    let shown = 0;
    for (const { row, text } of rows) {
      const keep = text.includes(wanted) && (!outcome.value || row.cells[0].textContent === outcome.value);
      row.hidden = !keep;
      shown += keep;
    }
    count.textContent = `${shown} of ${rows.length} rows`;
  };

  const sort = (head, column) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const number = head.hasAttribute("data-number");
    const value = ({ row }) => {
      const text = row.cells[column].textContent;
      return number ? (Number.isNaN(parseFloat(text)) ? -Infinity : parseFloat(text)) : text;
    };
    const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    const sorted = rows.map((one) => ({ one, value: value(one) }));
    sorted.sort((a, b) => (down ? -1 : 1) * order(a.value, b.value) || a.one.place - b.one.place);
    body.append(...sorted.map(({ one }) => one.row));
  };

  Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => sort(head, column));
  });
  outcome.addEventListener("change", filter);
  find.addEventListener("input", filter);
  document.getElementById("controls").hidden = false;
  filter();
})();
