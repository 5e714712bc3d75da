"use strict";
window.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("api");
  const family = "system-ui, sans-serif";
  const theme = { typography: { fontFamily: family, headings: { fontFamily: family } } };
  Redoc.init(place.dataset.openapi, { nativeScrollbars: true, theme }, place);
});
