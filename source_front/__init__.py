"""An Airbyte source for Front (https://front.com): `manifest.yaml`, run as an installed program."""
