"""Where a request seems to come from, how far two places lie apart, and who could have travelled between them.

Rules of this module
- A `Place` names a country and, where they are told, coordinates. What is kept of coordinates is whole degrees: enough
  to see a journey, too little to find a home. ZZ is an unknown country, and two unknown countries are not the same one.
- A place without coordinates stands at the middle of its country. Such a middle says nothing about a journey within the
  country, and little about one across a border: it counts from 1,000 km on.
- A remembered place may lie up to 79 km from its whole degrees, so a distance to it is taken as that much shorter: who
  has not moved has not travelled, on whichever side of a degree he sits.
- Impossible is more than 800 km/h over at least 100 km. Clocks of two functions differ: a time below zero counts as
  none.

The table of middles was written for this module: whole degrees, ISO 3166-1 alpha-2.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

FASTEST_KMH: Final = 800  # an airliner's, airports not counted
NEAREST_KM: Final = 100
NEAREST_OF_MIDDLES_KM: Final = 1_000
WHOLE_DEGREES_KM: Final = 79  # half a degree of latitude and half a degree of longitude, at the equator

_EARTH_RADIUS_KM: Final = 6_371.0
_HOUR: Final = 3_600

_MIDDLES: Final = """
AD 43 2;AE 24 54;AF 33 65;AG 17 -62;AI 18 -63;AL 41 20;AM 40 45;AO -12 18;AQ -90 0;AR -34 -64;AS -14 -171;AT 47 13;
AU -27 133;AW 13 -70;AX 60 20;AZ 40 48;BA 44 18;BB 13 -60;BD 24 90;BE 51 4;BF 13 -2;BG 43 25;BH 26 51;BI -3 30;BJ 9 2;
BL 18 -63;BM 32 -65;BN 5 115;BO -17 -65;BQ 12 -68;BR -10 -55;BS 24 -76;BT 27 90;BV -54 3;BW -22 24;BY 53 28;BZ 17 -89;
CA 60 -95;CC -12 97;CD 0 25;CF 7 21;CG -1 15;CH 47 8;CI 8 -5;CK -21 -160;CL -30 -71;CM 6 12;CN 35 105;CO 4 -72;
CR 10 -84;CU 22 -80;CV 16 -24;CW 12 -69;CX -10 106;CY 35 33;CZ 50 15;DE 51 9;DJ 12 43;DK 56 10;DM 15 -61;DO 19 -71;
DZ 28 3;EC -2 -78;EE 59 26;EG 27 30;EH 25 -13;ER 15 39;ES 40 -4;ET 8 38;FI 64 26;FJ -18 175;FK -52 -59;FM 7 158;
FO 62 -7;FR 46 2;GA -1 12;GB 54 -2;GD 12 -62;GE 42 44;GF 4 -53;GG 49 -3;GH 8 -2;GI 36 -5;GL 72 -40;GM 13 -17;GN 11 -10;
GP 16 -62;GQ 2 10;GR 39 22;GS -54 -37;GT 16 -90;GU 13 145;GW 12 -15;GY 5 -59;HK 22 114;HM -53 73;HN 15 -87;HR 45 16;
HT 19 -72;HU 47 20;ID -5 120;IE 53 -8;IL 31 35;IM 54 -5;IN 20 77;IO -6 72;IQ 33 44;IR 32 53;IS 65 -18;IT 43 13;JE 49 -2;
JM 18 -77;JO 31 36;JP 36 138;KE 1 38;KG 41 75;KH 13 105;KI 1 173;KM -12 44;KN 17 -63;KP 40 127;KR 37 128;KW 29 46;
KY 20 -81;KZ 48 68;LA 18 105;LB 34 36;LC 14 -61;LI 47 10;LK 7 81;LR 6 -10;LS -30 28;LT 56 24;LU 50 6;LV 57 25;LY 25 17;
MA 32 -5;MC 44 7;MD 47 29;ME 43 19;MF 18 -63;MG -20 47;MH 9 168;MK 42 22;ML 17 -4;MM 22 98;MN 46 105;MO 22 114;
MP 15 146;MQ 15 -61;MR 20 -12;MS 17 -62;MT 36 14;MU -20 58;MV 3 73;MW -14 34;MX 23 -102;MY 3 113;MZ -18 35;NA -22 17;
NC -21 166;NE 16 8;NF -29 168;NG 10 8;NI 13 -85;NL 52 6;NO 62 10;NP 28 84;NR -1 167;NU -19 -170;NZ -41 174;OM 21 57;
PA 9 -80;PE -10 -76;PF -15 -140;PG -6 147;PH 13 122;PK 30 70;PL 52 20;PM 47 -56;PN -25 -130;PR 18 -67;PS 32 35;PT 40 -8;
PW 7 134;PY -23 -58;QA 26 51;RE -21 56;RO 46 25;RS 44 21;RU 60 100;RW -2 30;SA 25 45;SB -8 159;SC -5 56;SD 15 30;
SE 62 15;SG 1 104;SH -16 -6;SI 46 15;SJ 78 20;SK 49 20;SL 9 -12;SM 44 12;SN 14 -14;SO 6 48;SR 4 -56;SS 7 30;ST 1 7;
SV 14 -89;SX 18 -63;SY 35 38;SZ -27 32;TC 22 -72;TD 15 19;TF -49 69;TG 8 1;TH 15 100;TJ 39 71;TK -9 -172;TL -9 126;
TM 40 60;TN 34 9;TO -20 -175;TR 39 35;TT 11 -61;TV -8 178;TW 24 121;TZ -6 35;UA 49 32;UG 1 32;UM 19 167;US 38 -97;
UY -33 -56;UZ 41 64;VA 42 12;VC 13 -61;VE 8 -66;VG 18 -65;VI 18 -65;VN 16 106;VU -16 167;WF -13 -176;WS -14 -172;
XK 43 21;YE 15 48;YT -13 45;ZA -29 24;ZM -15 30;ZW -20 30
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A place at an instant; degrees are whole where it is remembered, and None where they were not told."""

    country: str
    latitude: float | None
    longitude: float | None
    at: int


@dataclass(frozen=True, slots=True)
class Journey:
    """What would have had to be travelled: whole kilometres, in whole seconds."""

    kilometres: int
    seconds: int


def middle_of(country: str) -> tuple[int, int] | None:
    """Give latitude and longitude of a country's middle; None for what is no country of the table."""
    return _middles().get(country)


def great_circle_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Give the shortest way over a sphere (haversine); degrees in, at most 0.6 % off the ellipsoid's."""
    north, other_north = math.radians(latitude), math.radians(other_latitude)
    half_up, half_along = (other_north - north) / 2, math.radians(other_longitude - longitude) / 2
    chord = math.sin(half_up) ** 2 + math.cos(north) * math.cos(other_north) * math.sin(half_along) ** 2
    return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, chord)))


def remembered_place(place: Place) -> Place:
    """Forget all but whole degrees."""
    if place.latitude is None or place.longitude is None:
        return place
    return Place(place.country, round(place.latitude), round(place.longitude), place.at)


def impossible_journey(remembered: Place, here: Place) -> Journey | None:
    """Give the journey from a `remembered_place` that nobody can have made; None when there may have been none.

    Unknown places are no evidence: None as well. They are a signal of their own.
    """
    if _exact(remembered) is None or _exact(here) is None:
        # The middle of the country one is in says nothing about where in it he is.
        kilometres = 0.0 if remembered.country == here.country else _between(remembered, here)
        nearest = NEAREST_OF_MIDDLES_KM
    else:
        kilometres = _between(remembered, here) - WHOLE_DEGREES_KM
        nearest = NEAREST_KM
    seconds = max(0, here.at - remembered.at)
    return Journey(int(kilometres), seconds) if too_fast(kilometres, seconds, nearest) else None


def too_fast(kilometres: float, seconds: int, nearest_km: int) -> bool:
    """Tell whether it takes more than `FASTEST_KMH`; nearer than `nearest_km` nothing does."""
    return kilometres >= nearest_km and kilometres * _HOUR > FASTEST_KMH * seconds


def _between(one: Place, other: Place) -> float:
    """Measure with the middles where there is nothing better; 0 where there is nothing at all."""
    start, end = _exact(one) or middle_of(one.country), _exact(other) or middle_of(other.country)
    if start is None or end is None:
        return 0.0
    return great_circle_km(*start, *end)


def _exact(place: Place) -> tuple[float, float] | None:
    if place.latitude is None or place.longitude is None:
        return None
    return place.latitude, place.longitude


@cache
def _middles() -> dict[str, tuple[int, int]]:
    """Read the table when the first place without coordinates is judged."""
    rows = (row.split() for row in _MIDDLES.replace("\n", "").split(";"))
    return {country: (int(latitude), int(longitude)) for country, latitude, longitude in rows}
