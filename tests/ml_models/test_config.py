import pytest

from ml_models.config import DEFAULT_CONFIG, Config, load_config
from ml_models.errors import ModelError


def test_shipped_configuration_states_the_defaults():
    assert load_config(DEFAULT_CONFIG) == Config()


def test_classes_and_patches_can_be_set(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('classes = ["2", "3", "4", "5", "6"]\n[lesions]\nepochs = 1\n')
    config = load_config(path)
    assert config.classes == ("2", "3", "4", "5", "6")
    assert config.lesions.epochs == 1


@pytest.mark.parametrize(
    "text",
    ["seed = ", "unknown = 1", 'classes = ["5", "2"]', 'classes = ["9"]', "[lesions]\nx = 1"],
)
def test_what_cannot_be_is_refused(tmp_path, text):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(ModelError) as refusal:
        load_config(path)
    assert refusal.value.code == "invalid_config"
