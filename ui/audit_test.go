package ui

import (
	"encoding/json"
	"fmt"
	"testing"
)

// audit lists what is wrong with the page as it is shown: text whose contrast with
// the ground behind it is below 4.5 (3 where it is large; WCAG 2.2, 1.4.3), targets
// smaller than 24 pixels that have no room around them (2.5.8), content wider than
// the window (1.4.10), ids that are there twice.
const audit = `(() => {
	const wrong = [];
	const paint = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const rgba = (color) => { paint.clearRect(0, 0, 1, 1); paint.fillStyle = color; paint.fillRect(0, 0, 1, 1); const d = paint.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
	const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3]));
	const ground = (el) => {
		const layers = [];
		for (let e = el; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); layers.push(c); if (c[3] === 1) break; }
		return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
	};
	const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const name = (el) => el.tagName.toLowerCase() + (el.id && "#" + el.id) + (el.className && typeof el.className === "string" ? "." + el.className.replaceAll(" ", ".") : "");
	const seen = (el) => el.checkVisibility({opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true}) && !el.closest(".unseen, .skip");
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	let texts = 0;
	for (let t = walk.nextNode(); t; t = walk.nextNode()) {
		const el = t.parentElement;
		if (!t.data.trim() || !seen(el) || el.closest(":disabled")) continue;
		texts++;
		const style = getComputedStyle(el), under = ground(el), text = over(rgba(style.color), under);
		const [a, b] = [light(text), light(under)].sort((x, y) => y - x);
		const size = parseFloat(style.fontSize), least = size >= 24 || size >= 18.66 && style.fontWeight >= 700 ? 3 : 4.5;
		const ratio = (a + 0.05) / (b + 0.05);
		if (ratio < least) wrong.push(name(el) + " “" + t.data.trim().slice(0, 30) + "” has a contrast of " + ratio.toFixed(2));
	}
	if (texts < 20) wrong.push("only " + texts + " texts are seen");
	for (const el of document.querySelectorAll("button, input, a:not(p a, td a)")) {
		const r = el.getBoundingClientRect();
		if (seen(el) && r.width && (r.width < 24 || r.height < 24)) wrong.push(name(el) + " is a target of " + r.width + " by " + r.height);
	}
	for (const el of document.querySelectorAll("body *")) {
		const r = el.getBoundingClientRect();
		if (seen(el) && !el.closest("pre, dialog, svg, [popover]") && r.width && (r.right > innerWidth + 1 || r.left < -1)) wrong.push(name(el) + " ends at " + r.right + " of " + innerWidth);
	}
	if (document.documentElement.scrollWidth > innerWidth) wrong.push("the page is " + document.documentElement.scrollWidth + " wide in a window of " + innerWidth);
	const ids = [...document.querySelectorAll("[id]")].map((el) => el.id);
	for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) wrong.push("two elements are #" + id);
	return wrong.slice(0, 20);
})()`

// menuOpen opens a menu, again where a new size has moved its row: that closes it.
const menuOpen = `(document.querySelector("#menu").matches(":popover-open") || (document.querySelector('[data-id="/prod/api"] .more').click(), false))`

func TestEverybodyCanReadAndUseThePage(t *testing.T) {
	worlds := []struct {
		name  string
		world world
		look  string // JavaScript that opens what is to be seen
		until string
	}{
		{"empty", world{}, ``, `document.querySelector("#first").checkVisibility()`},
		{"one", oneApp(), `document.querySelector(".open").click()`, `document.querySelector(".instances")`},
		{"stuck", stuck(), `document.querySelector("#tile-deployments").click(); document.querySelector('[data-id="/prod/shop/web"] .open').click()`, `document.querySelector(".instances") && document.querySelector(".trouble")`},
		{"hosts", stuck(), `document.querySelector("#tile-hosts").click()`, `document.querySelector(".hosts")`},
		{"many", many(500), `document.querySelector("#tile-apps").scrollIntoView()`, `document.querySelectorAll("tr.app").length === 500`},
		{"menu", stuck(), `document.querySelector('[data-id="/prod/api"] .more').scrollIntoView({block: "center", behavior: "instant"})`, menuOpen},
		{"dialog", stuck(), menuOpen + `; document.querySelector("#menu button").click()`, `document.querySelector("#dialog").open`},
	}
	for _, w := range worlds {
		p := serve(t, w.world)
		tab := newTab(t, 1440, 900)
		tab.open(p.URL+"/ui/", loaded)
		for _, scheme := range []string{"light", "dark"} {
			tab.prefer(scheme)
			for _, width := range []int{360, 800, 1440} {
				tab.size(width, 900)
				tab.eval(`if (!(` + w.until + `)) { ` + w.look + ` }`)
				tab.wait(w.until)
				what := fmt.Sprintf("%s-%s-%d", w.name, scheme, width)
				for _, wrong := range tab.eval(audit).([]any) {
					t.Errorf("%s: %v", what, wrong)
				}
				tab.shoot(what)
			}
		}
		for _, wrong := range nameless(tab) {
			t.Errorf("%s: %s", w.name, wrong)
		}
	}
}

// nameless are the things of the page that somebody who hears it could not tell
// apart: of the tree that the browser gives to screen readers.
func nameless(tab *tab) (wrong []string) {
	tab.t.Helper()
	type value struct{ Value any }
	var tree struct {
		Nodes []struct {
			Ignored    bool
			Role, Name value
		}
	}
	if err := json.Unmarshal(tab.call("Accessibility.getFullAXTree", nil), &tree); err != nil {
		tab.t.Fatal(err)
	}
	seen := map[string]int{}
	for _, n := range tree.Nodes {
		role, name := fmt.Sprint(n.Role.Value), fmt.Sprint(n.Name.Value)
		if n.Ignored {
			continue
		}
		seen[role]++
		switch role {
		case "button", "link", "searchbox", "spinbutton", "menuitem", "dialog", "table", "image", "img", "columnheader", "rowheader", "region", "menu":
			if n.Name.Value == nil || name == "" {
				wrong = append(wrong, "a "+role+" has no name")
			}
		}
	}
	if seen["heading"] == 0 && seen["dialog"] == 0 || seen["main"] > 1 {
		wrong = append(wrong, fmt.Sprintf("the tree makes no sense: %v", seen))
	}
	return wrong
}
