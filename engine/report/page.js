"use strict";
const root = document.documentElement;

// the theme: the browser's until the button is pressed
const theme = document.getElementById("theme");
const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
const nameTheme = () => { theme.textContent = isDark() ? "Light theme" : "Dark theme"; };
theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  nameTheme();
});
system.addEventListener("change", nameTheme);
theme.hidden = false;
nameTheme();

// the images of a cell: showModal keeps the focus inside, Escape closes, and the focus goes back to the cell
const dialog = document.getElementById("cell");
const content = document.getElementById("cell-content");
document.getElementById("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("close", () => content.replaceChildren());

const matrix = document.querySelector(".matrix");
const buttons = [...matrix.querySelectorAll("button")];
const only = (button) => { for (const one of buttons) one.tabIndex = one === button ? 0 : -1; };
only(buttons[0]);
matrix.addEventListener("focusin", (event) => { if (event.target.dataset.cell) only(event.target); });
matrix.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  content.replaceChildren(document.getElementById(button.dataset.cell).content.cloneNode(true));
  dialog.showModal();
  dialog.scrollTop = 0;
});

// arrow keys: to the next cell that has images, in that direction
const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
matrix.addEventListener("keydown", (event) => {
  const step = steps[event.key];
  const cell = event.target.closest("td");
  if (!step || !cell) return;
  event.preventDefault();
  let row = cell.parentElement.rowIndex + step[0];
  let column = cell.cellIndex + step[1];
  while (matrix.rows[row] && matrix.rows[row].cells[column]) {
    const button = matrix.rows[row].cells[column].querySelector("button");
    if (button) return button.focus();
    row += step[0];
    column += step[1];
  }
});
