document.documentElement.classList.add("script");
for (const table of document.querySelectorAll("table.metrics")) {
  table.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.classList.contains("sort")) return sortRenderers(table, button.closest("tr"));
    const closed = button.closest("tbody").nextElementSibling.classList.toggle("closed");
    button.setAttribute("aria-expanded", !closed);
  });
}
function sortRenderers(table, row) {
  const rank = (cell) => "rank" in cell.dataset ? Number(cell.dataset.rank) : Infinity;
  const order = [...row.querySelectorAll("td.value")].sort((a, b) => rank(a) - rank(b) || 0).map((cell) => cell.dataset.renderer);
  for (const line of table.querySelectorAll("tr")) {
    const cells = Object.fromEntries([...line.querySelectorAll(".value")].map((cell) => [cell.dataset.renderer, cell]));
    const after = line.querySelector(".axis");
    if (after) for (const name of order) line.insertBefore(cells[name], after);
  }
}
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (!head) return;
    const column = head.cellIndex, direction = head.dataset.dir === "1" ? -1 : 1;
    for (const other of table.tHead.rows[0].cells) delete other.dataset.dir;
    head.dataset.dir = direction;
    const text = (row) => row.cells[column].textContent;
    const compare = (a, b) => {
      const x = parseFloat(text(a)), y = parseFloat(text(b));
      if (head.classList.contains("num")) return (isNaN(x) - isNaN(y)) || direction * (x - y);
      return direction * text(a).localeCompare(text(b));
    };
    body.append(...[...body.rows].sort(compare));
  });
}
for (const box of document.querySelectorAll("details.plays")) {
  const video = box.querySelector("video");
  if (video) box.addEventListener("toggle", () => box.open ? video.play().catch(() => {}) : video.pause());
}
