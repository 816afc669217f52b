// Starts Swagger UI on the service's own OpenAPI document, or with ?market=NAME on that of one
// market; a file, so that a strict CSP can hold.
const market = new URLSearchParams(location.search).get("market");
SwaggerUIBundle({
  url: market
    ? `/api/v1/${encodeURIComponent(market)}/openapi.json`
    : document.getElementById("docs").dataset.openapi,
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayOperationId: true,
  validatorUrl: null,
});
