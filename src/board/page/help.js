// The address is the one that this page came from; the code is behind the #, which no browser sends anywhere.
"use strict";
const code = /^#[A-Za-z0-9]{6}$/.test(location.hash) ? location.hash.slice(1) : "CODE";
document.getElementById("join").textContent = `rlab join ${location.host} ${code} --name NAME`;
