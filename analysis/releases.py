"""Which model version answers on this server: its own choice, else what the release ships active.

Reads manifests and one row; loads no network.
"""

from analysis.choices import ModelState
from analysis.models import ModelVersion
from ml_models import registry
from ml_models.errors import ModelError
from ml_models.registry import Manifest


def active_model() -> Manifest:
    """The manifest of the active version.

    Raises
    ------
    ModelError
        As the registry's; ``hash_mismatch`` when the files of the activated version are not those
        that were activated.
    """
    chosen = ModelVersion.objects.filter(task=ModelVersion.BIRADS, state=ModelState.ACTIVE).first()
    if chosen is None:
        return registry.active_manifest()
    manifest = registry.load_manifest(chosen.version)
    if manifest.sha256 != chosen.sha256:
        raise ModelError(
            f"{chosen.version} was activated with SHA-256 {chosen.sha256}, "
            f"its release now says {manifest.sha256}.",
            code="hash_mismatch",
        )
    return manifest
