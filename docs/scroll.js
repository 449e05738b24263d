// What scrolls sideways can be reached and scrolled by keys.
window.addEventListener("load", () => setTimeout(() => {
  for (const part of document.querySelectorAll(".md-typeset__scrollwrap, .highlight-ipynb, pre > code")) part.tabIndex = 0;
}, 0));
