"""The bus on which security alerts leave the product: rules of the adopter's own lead them to a pager or a SIEM."""

from aws_cdk import aws_events as events
from constructs import Construct


class SecurityEvents(Construct):
    """`bus`. What is put there carries ids and no personal data, and is encrypted by EventBridge itself."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.bus = events.EventBus(
            self, "Bus", event_bus_name="muniment", description="Muniment: security alerts, delivered from the outbox"
        )
