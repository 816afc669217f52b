"""From raw listings to clean ones: the contract, cleaning, rejection reasons, the split."""
