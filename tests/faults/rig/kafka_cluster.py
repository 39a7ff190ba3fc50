"""Real Kafka for the rig: one broker, or three for the loss of leaders; each may be killed and come back."""

from __future__ import annotations

from pathlib import Path

from tests.faults.rig.backends import KafkaBackend
from tests.kafka_server import KafkaServer, new_identity, node_ports


class KafkaCluster:
    """Brokers under a folder, ready when the constructor returns. Raises ``UnavailableError``."""

    def __init__(self, folder: Path, brokers: int) -> None:
        self.brokers: list[KafkaServer] = []
        if brokers == 1:
            self.brokers.append(KafkaServer(folder / "broker-1"))
            return
        ports, identity = node_ports(brokers), new_identity()
        for node in range(1, brokers + 1):
            home = folder / f"broker-{node}"
            self.brokers.append(KafkaServer(home, ports=ports, node=node, identity=identity, heap="384m"))
        try:
            for broker in self.brokers:
                broker.begin()
            for broker in self.brokers:
                broker.ready()
        except BaseException:
            self.stop()
            raise

    @property
    def bootstrap(self) -> str:
        return ",".join(broker.bootstrap for broker in self.brokers)

    def stop(self) -> None:
        for broker in self.brokers:
            broker.stop()

    def backend(self) -> KafkaBackend:
        """A backend on this cluster, which ends with it."""
        return KafkaBackend(self.bootstrap, self.stop, replicas=len(self.brokers))
