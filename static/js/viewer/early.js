// Begins to decode the films that the head of the page asks for, while the page is still read.

import { loadPicture } from "./pixels.js";

for (const link of document.querySelectorAll("link[data-picture]")) {
  loadPicture(link.getAttribute("href")).catch(() => {}); // who draws it is told, and says so
}
