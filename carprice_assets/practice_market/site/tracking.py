"""The noise of a detail page's object: 60 keys that say nothing of the car."""

from __future__ import annotations

from carprice_assets.practice_market.site.draws import token

_CONSTANT: dict[str, object] = {
    "utm_source": None,
    "utm_medium": None,
    "utm_campaign": None,
    "utm_content": None,
    "utm_term": None,
    "utm_id": None,
    "aff": "national",
    "aff_code": None,
    "affiliate_group": "core",
    "ab_test_ids": "exp-1182,exp-2044,exp-3127",
    "ab_test_variants": "control,treatment_b,control",
    "experiment_id_01": "1182",
    "experiment_id_02": "2044",
    "experiment_id_03": "3127",
    "experiment_id_04": None,
    "experiment_bucket": "17",
    "feature_flags": "new_gallery,price_history,lead_form_v3",
    "geo_city": "Springfield",
    "geo_region": "IL",
    "geo_country": "US",
    "geo_zip": "62701",
    "geo_latitude": "39.8017",
    "geo_longitude": "-89.6436",
    "geo_source": "ip",
    "dma_code": "648",
    "ua_browser": "unknown",
    "ua_platform": "unknown",
    "ua_is_mobile": False,
    "ua_is_bot": None,
    "viewport": None,
    "app_name": "practice-web",
    "app_version": "412.7.1",
    "app_environment": "production",
    "page_name": "shopping/vehicledetail",
    "page_type": "vdp",
    "page_instance": "web",
    "page_platform": "responsive",
    "page_language": "en",
    "consent_status": "unset",
    "consent_version": "3",
    "search_instance_id": None,
    "search_sort": None,
    "search_filters": None,
    "result_position": None,
    "result_page": None,
    "lead_form_variant": "inline",
    "chat_provider": None,
    "chat_enabled": False,
    "ad_slot_layout": "A",
    "ad_targeting_version": "9",
    "canonical_page": "vdp",
    "referrer_domain": None,
    "referrer_type": "direct",
    "user_type": "anonymous",
    "profile_id": None,
}


def tracking(listing_id: str, count: int) -> dict[str, object]:
    """Keys and values of one visit.

    Parameters
    ----------
    count
        Number of the visit; the tokens change with it.
    """
    drawn = token(listing_id, count)
    return {
        **_CONSTANT,
        "session_id": drawn[:20],
        "trip_id": drawn[4:24],
        "request_id": drawn[8:28],
        "page_key": drawn[12:32],
        "visitor_token": drawn,
        "ab_seed": drawn[:8],
    }
