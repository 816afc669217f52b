// Fills a search page: cards into the page, and the list of them as JSON-LD.
(function () {
  "use strict";
  var asked = new URLSearchParams(window.location.search);
  var page = asked.get("page") || "1";
  var query = new URLSearchParams({ page: page, stock_type: asked.get("stock_type") || "all" });
  if (asked.get("make")) query.set("make", asked.get("make"));

  function link(number, label) {
    asked.set("page", number);
    return '<a href="?' + asked.toString().replace(/&/g, "&amp;") + '">' + label + "</a>";
  }

  function show(found) {
    document.getElementById("sponsored").innerHTML = found.sponsored;
    document.getElementById("results").innerHTML = found.cards.join("");
    document.getElementById("found").textContent =
      found.found.toLocaleString("en") + " cars, page " + found.page + " of " + found.pages;
    var links = found.page > 1 ? link(found.page - 1, "‹ Previous") : "<span></span>";
    if (found.page < found.pages) links += link(found.page + 1, "Next ›");
    document.getElementById("pages").innerHTML = links;
    var list = document.createElement("script");
    list.type = "application/ld+json";
    list.textContent = JSON.stringify({
      "@context": "https://schema.org",
      "@type": "ItemList",
      itemListElement: found.items
    });
    document.body.appendChild(list);
  }

  fetch("/shopping/cards?" + query.toString(), { credentials: "same-origin" })
    .then(function (answer) {
      if (!answer.ok) throw new Error("status " + answer.status);
      return answer.json();
    })
    .then(show)
    .catch(function () {
      document.getElementById("found").textContent = "The cars could not be loaded.";
    });
})();
