"""What Home Assistant is told so that it shows our values without any setting up."""

from __future__ import annotations

import json
from typing import Any, get_args

from edge import __version__
from edge.core import SourceState
from edge.sinks.shots import slug

ROOT = "homeassistant"  # Home Assistant's own default


def discovery(prefix: str) -> dict[str, str]:
    """Topic → JSON, to be published retained: limit in force, signs seen now, source state.

    The format is that of https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery.
    """
    node = slug(prefix)
    device = {
        "identifiers": [node],
        "name": f"Traffic signs ({prefix})",
        "manufacturer": "traffic-sign-edge",
        "sw_version": __version__,
    }
    sensors: dict[str, dict[str, Any]] = {
        "limit": {
            "name": "Speed limit",
            "state_topic": f"{prefix}/road",
            "value_template": "{{ value_json.limit }}",
            "json_attributes_topic": f"{prefix}/road",
            "unit_of_measurement": "km/h",
            "icon": "mdi:speedometer",
        },
        "sign": {
            "name": "Signs",
            "state_topic": f"{prefix}/signs",
            # A state of Home Assistant is at most 255 characters long.
            "value_template": "{{ (value_json.signs | map(attribute='name') | join(', '))[:255] }}",
            "json_attributes_topic": f"{prefix}/signs",
            "icon": "mdi:sign-direction",
        },
        "state": {
            "name": "Source",
            "state_topic": f"{prefix}/source",
            "value_template": "{{ value_json.state }}",
            "json_attributes_topic": f"{prefix}/source",
            "device_class": "enum",
            "options": list(get_args(SourceState)),
            "entity_category": "diagnostic",
        },
    }
    return {
        f"{ROOT}/sensor/{node}/{name}/config": json.dumps(
            {
                **sensor,
                "unique_id": f"{node}-{name}",
                "availability_topic": f"{prefix}/status",
                "device": device,
            }
        )
        for name, sensor in sensors.items()
    }
