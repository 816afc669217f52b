"use strict";
// A model of one make is none of another: it is let go of where the make changes.
const form = document.querySelector("form.filters");
form?.elements.make.addEventListener("change", () => {
  if (form.elements.model) form.elements.model.value = "";
});
