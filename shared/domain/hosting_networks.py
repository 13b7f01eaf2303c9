"""Networks whose users cannot be told apart: hosting providers, providers of VPN exits, operators of Tor exits.

Rules of this module
- An entry is an autonomous system (ASN) that rents machines or exits to anybody. Its number and its operator are public
  facts of the routing registries; whoever finds a wrong one changes this table and the risk policy's version stays.
- Companies, access providers and mobile networks are not here, however many users share an address there. Nor are the
  relays that keep the country and the region (iCloud Private Relay, Cloudflare WARP): half of all phones use them.
- The list is short on purpose. It raises the price of hiding, it does not end it: a signal, never a refusal.
"""

from typing import Final

HOSTING_ASNS: Final = frozenset(
    {
        14618,  # Amazon EC2
        16509,  # Amazon
        8075,  # Microsoft Azure
        396982,  # Google Cloud
        31898,  # Oracle Cloud
        36351,  # IBM Cloud (SoftLayer)
        37963,  # Alibaba Cloud, China
        45102,  # Alibaba Cloud
        45090,  # Tencent Cloud, China
        132203,  # Tencent Cloud
        136907,  # Huawei Cloud
        14061,  # DigitalOcean
        63949,  # Akamai Connected Cloud (Linode)
        20473,  # Vultr
        16276,  # OVH
        24940,  # Hetzner
        213230,  # Hetzner Cloud
        12876,  # Scaleway
        51167,  # Contabo
        8560,  # IONOS
        47583,  # Hostinger
        60781,  # LeaseWeb, Netherlands
        28753,  # LeaseWeb, Germany
        30633,  # LeaseWeb, United States
        395954,  # LeaseWeb, United States
        53667,  # FranTech (BuyVM)
        36352,  # ColoCrossing
        8100,  # QuadraNet
        40676,  # Psychz
        62240,  # Clouvider
        9009,  # M247: exits of many VPN brands
        60068,  # Datacamp (CDN77): exits of many VPN brands
        212238,  # Datacamp: exits of many VPN brands
        39351,  # 31173 Services: Mullvad
        60729,  # Stiftung Erneuerbare Freiheit: Tor exits
        208323,  # Foundation for Applied Privacy: Tor exits
    }
)


def hides_its_users(asn: int | None) -> bool:
    """Tell whether the network is in the table; an unknown one is not."""
    return asn in HOSTING_ASNS
