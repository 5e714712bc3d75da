"use strict";
window.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("swagger-ui");
  window.ui = SwaggerUIBundle({
    url: place.dataset.openapi,
    domNode: place,
    deepLinking: true,
    displayRequestDuration: true,
    docExpansion: "list",
    filter: true,
    layout: "BaseLayout",
    presets: [SwaggerUIBundle.presets.apis],
    validatorUrl: null,
  });
});
