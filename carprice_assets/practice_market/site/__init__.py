"""A website of the practice market, to scrape: templates, days that pass, faults, an access log.

    app = create_site(SiteSettings("practice", size=500), home)

``serve`` runs the sites of markets as a process. A site is a mirror of ``simulate(...)``: what it
shows of a car is `payload_of` that car, and `changes` tells what a day brings.
"""

from carprice_assets.practice_market.site.app import create_site
from carprice_assets.practice_market.site.faults import Faults
from carprice_assets.practice_market.site.hostile import HOSTILE
from carprice_assets.practice_market.site.server import serve
from carprice_assets.practice_market.site.settings import SiteSettings, site_settings

__all__ = ["HOSTILE", "Faults", "SiteSettings", "create_site", "serve", "site_settings"]
