// What the pages of rlab do: copy a line, take a prediction, unfold everything for the printer. Without it every page can
// be read all the same: the answers are folded, not hidden.
"use strict";

(() => {
    const copied = async (text) => {
        try {
            await navigator.clipboard.writeText(text);
        } catch {
            // No clipboard for this page (a file, an old browser): select it in passing.
            const area = document.createElement("textarea");
            area.value = text;
            document.body.append(area);
            area.select();
            document.execCommand("copy");
            area.remove();
        }
    };

    for (const button of document.querySelectorAll(".rlab-copy")) {
        button.addEventListener("click", async () => {
            await copied(button.dataset.copy);
            button.textContent = "copied";
            setTimeout(() => { button.textContent = "copy"; }, 2000);
        });
    }

    for (const form of document.querySelectorAll(".rlab-predict")) {
        form.addEventListener("submit", (event) => {
            event.preventDefault();
            const chosen = form.querySelector("input[type=radio]:checked, input[type=number]");
            const right = form.dataset.answer;
            const verdict = form.querySelector(".rlab-verdict");
            if (right === undefined) {
                verdict.textContent = "Now see what your machine says.";
            } else {
                verdict.textContent = chosen.value === right ? "As predicted." : "It is otherwise.";
            }
            form.querySelector(".rlab-answer").open = true;
        });
    }

    // What scrolls must be within reach of the keyboard.
    for (const code of document.querySelectorAll("main pre > code")) { code.tabIndex = 0; }
    for (const table of document.querySelectorAll("main .table-wrapper")) {
        table.tabIndex = 0;
        table.setAttribute("role", "group");
        table.setAttribute("aria-label", "Table");
    }

    // mdBook opens its table of contents with a label, which neither a keyboard nor a screen reader can press.
    const contents = document.getElementById("mdbook-sidebar-toggle");
    if (contents) {
        contents.setAttribute("role", "button");
        contents.tabIndex = 0;
        contents.addEventListener("keydown", (event) => {
            if (event.key === "Enter" || event.key === " ") {
                event.preventDefault();
                contents.click();
            }
        });
    }

    let folded = [];
    window.addEventListener("beforeprint", () => {
        folded = [...document.querySelectorAll("main details:not([open])")];
        for (const details of folded) { details.open = true; }
    });
    window.addEventListener("afterprint", () => {
        for (const details of folded) { details.open = false; }
    });
})();
