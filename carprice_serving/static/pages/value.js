// Refills the lists of "Value a car" as make and model are chosen. Without it the form works by
// its button.
"use strict";
(() => {
  const form = document.getElementById("car");
  const told = document.getElementById("told");
  const touched = new Set();
  let asked = null;

  const refill = async (changed) => {
    const make = form.elements.make.value;
    const model = changed === "make" ? "" : form.elements.model.value;
    const address = new URLSearchParams({ market: form.elements.market.value, make, model });
    for (const name of touched) {
      const field = form.elements[name];
      if (field && name !== "trim") address.set(name, field.value);
    }
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

  form.addEventListener("change", (event) => {
    const name = event.target.name;
    if (name === "make" || name === "model") refill(name);
    else touched.add(name);
  });
  // What stands in the address was chosen by someone.
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (value && form.elements[name]) touched.add(name);
  }
  for (const name of ["market", "make", "model"]) touched.delete(name);
})();
