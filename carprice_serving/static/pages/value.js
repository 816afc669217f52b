// Refills the lists of "Value a car" as make and model are chosen. Without it the form works by
// its button.
"use strict";
(() => {
  const form = document.getElementById("car");
  const told = document.getElementById("told");
  const given = new Map(); // what a person chose, by field; the rest is filled in anew
  let asked = null;

  const refill = async (changed) => {
    const make = form.elements.make.value;
    const model = changed === "make" ? "" : form.elements.model.value;
    const address = new URLSearchParams({ market: form.elements.market.value, make, model });
    for (const [name, value] of given) address.set(name, value);
    asked?.abort();
    asked = new AbortController();
    let page;
    try {
      const answer = await fetch(`/value/fields?${address}`, { signal: asked.signal });
      if (!answer.ok) throw new Error(`${answer.status}`);
      page = new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch (error) {
      if (error.name !== "AbortError") form.submit(); // the server's own page tells what is wrong
      return;
    }
    const parts = changed === "make" ? ["part-model", "part-details"] : ["part-details"];
    for (const id of parts) {
      document.getElementById(id).replaceWith(document.adoptNode(page.getElementById(id)));
    }
    const models = form.elements.model;
    told.textContent =
      changed === "make" && models
        ? `${models.options.length - 1} models of ${make} to choose from`
        : model && `The form is filled with what is usual of ${make} ${model}`;
  };

  const give = (name, value) => {
    // Trim and year are a model's own.
    if (!["market", "make", "model", "trim", "year"].includes(name)) given.set(name, value);
  };
  form.addEventListener("change", ({ target }) => {
    if (target.name === "make" || target.name === "model") refill(target.name);
    else give(target.name, target.value);
  });
  // What stands in the address was chosen by someone.
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (value && form.elements[name]) give(name, value);
  }
})();
