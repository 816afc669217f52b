"use strict";
// A model of one make is none of another: it is let go of where the make changes.
const form = document.querySelector("form.filters");
const make = form?.elements.make;
const letGo = () => {
  if (form.elements.model) form.elements.model.value = "";
};
make?.addEventListener("change", letGo);
// Somebody may have chosen before this script was there.
const given = [...(make?.options ?? [])].find((option) => option.defaultSelected);
if (make && make.selectedOptions[0] !== (given ?? make.options[0])) letGo();
