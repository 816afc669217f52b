def test_trained(trained_home):
    from carprice_assets.releases.store import ReleaseStore

    assert ReleaseStore(trained_home.releases).champion("small")
