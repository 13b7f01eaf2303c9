"""The keyboard alone: from control to control with Tab, as somebody without a mouse goes."""

from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Page

_MOST_STEPS: Final = 150
_FOCUSED: Final = """() => {
  const there = document.activeElement;
  const labels = [...(there.labels || [])].map((label) => label.innerText.trim());
  return {
    name: there.getAttribute("aria-label") || labels[0] || there.innerText?.trim() || "",
    seen: there === document.body || there.getClientRects().length > 0,
  };
}"""


@dataclass(frozen=True, slots=True)
class Keyboard:
    page: Page

    def reach(self, name: str, *, backwards: bool = False) -> None:
        """Press Tab until the control that is called `name` has the focus; it is seen wherever it goes meanwhile."""
        passed = []
        for _ in range(_MOST_STEPS):
            here = self.page.evaluate(_FOCUSED)
            assert here["seen"], f"the focus is on something that is not shown: {here['name']}"
            if here["name"].startswith(name):
                return
            passed.append(here["name"])
            self.page.keyboard.press("Shift+Tab" if backwards else "Tab")
        raise AssertionError(f"Tab never leads to {name!r}, only to {passed}")

    def press(self, name: str) -> None:
        """Reach a button or a link, and press it."""
        self.reach(name)
        self.page.keyboard.press("Enter")

    def fill(self, name: str, text: str) -> None:
        """Reach a field, and type into it in place of what stands there."""
        self.reach(name)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def tick(self, name: str) -> None:
        """Reach a box or a choice, and choose it."""
        self.reach(name)
        self.page.keyboard.press("Space")
