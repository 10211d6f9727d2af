# SPDX-License-Identifier: Apache-2.0
"""Pictures of pages for people to look at, in the directory that PICTURES names; none by default."""

import os

import chromium

FOLDER = os.environ.get("PICTURES")
FORMS = {"light": {}, "dark": {"dark": True}, "narrow": {"size": (500, 900)}}


def take(driver, name):
    """Of what the window shows."""
    if FOLDER:
        driver.save_screenshot(os.path.join(FOLDER, f"{name}.png"))


def take_forms(certificate, names, show):
    """Of whole pages, wide, dark and narrow, by browsers of their own: show(driver, name) opens each."""
    if not FOLDER:
        return
    for form, options in FORMS.items():
        with chromium.browser(certificate, **options) as driver:
            for name in names:
                show(driver, name)
                height = driver.execute_script("return document.documentElement.scrollHeight")
                driver.set_window_size(options.get("size", (1200, 0))[0], height + 150)
                take(driver, f"{name}-{form}")
