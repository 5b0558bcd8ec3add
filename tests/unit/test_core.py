"""Types, skeletons, errors, config and catalog."""

import numpy as np
import pytest

from videopose import catalog, config
from videopose.errors import ConfigError, InputError, UnknownNameError, VideoError, VideoPoseError
from videopose.skeletons import SKELETONS, Skeleton, make_skeleton, shared_keypoints, skeleton_named
from videopose.workflows.pipelines import load_pipeline


class Inner(config.Options):
    max_age: float = 1.0
    name: str = "a"


class Outer(config.Options):
    inner: Inner = Inner()
    number: int = 3
    several: tuple[Inner, ...] = ()


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_flipping_a_skeleton_twice_changes_nothing(skeleton):
    index = skeleton.flip_index

    assert (index[index] == np.arange(len(skeleton))).all()
    for left, right in set(skeleton.flip_pairs) - set(skeleton.pairs):
        assert skeleton.keypoints[left].replace("left", "right") == skeleton.keypoints[right]
    assert (skeleton.sigmas > 0).all()


def test_the_own_skeleton_begins_as_coco():
    assert skeleton_named("body19").keypoints[:17] == skeleton_named("coco17").keypoints
    assert skeleton_named("body19").oks_sigmas[:17] == skeleton_named("coco17").oks_sigmas


def test_keypoints_map_by_name():
    source, target = shared_keypoints(skeleton_named("body19"), skeleton_named("posetrack15"))

    assert len(source) == 15
    assert source[target.tolist().index(1)] == 17  # head_bottom


def test_unknown_names_get_a_suggestion():
    with pytest.raises(UnknownNameError, match=r"no skeleton is named 'coco18'. Did you mean coco17\?"):
        skeleton_named("coco18")
    with pytest.raises(UnknownNameError, match=r"no keypoint 'left_sholder'. Did you mean left_shoulder\?"):
        skeleton_named("coco17").index_of("left_sholder")


def test_a_broken_skeleton_is_refused():
    with pytest.raises(InputError, match="stands twice"):
        make_skeleton("twice", ["a", "a"], [])
    with pytest.raises(InputError, match="1 OKS sigmas for 2 keypoints"):
        Skeleton("short", ("a", "b"), (), (0.1,))
    with pytest.raises(InputError, match="an edge names a keypoint index that does not exist"):
        Skeleton("edge", ("a",), ((0, 1),), (0.1,))


def test_our_errors_can_be_caught_without_knowing_us():
    assert issubclass(InputError, ValueError)
    assert issubclass(VideoError, OSError)
    assert issubclass(UnknownNameError, LookupError)
    assert str(VideoError("clip.mp4: is empty")) == "clip.mp4: is empty"


def test_an_unknown_key_names_file_key_and_nearest(tmp_path):
    path = tmp_path / "fast.yaml"
    path.write_text("inner: {max_agee: 3}\n")

    with pytest.raises(ConfigError, match=r"fast.yaml: inner.max_agee is not an option. Did you mean inner.max_age\?"):
        config.load(Outer, path)


def test_an_unknown_key_in_a_list_is_explained_too(tmp_path):
    path = tmp_path / "list.yaml"
    path.write_text("several: [{nam: b}]\n")

    with pytest.raises(ConfigError, match=r"several.0.nam is not an option. Did you mean several.0.name\?"):
        config.load(Outer, path)


def test_a_key_in_the_wrong_section_names_the_right_one():
    from videopose import catalog

    with pytest.raises(ConfigError, match=r"pose.precision is not an option. Did you mean precision\?"):
        config.validate(catalog.recipe("topdown").PipelineOptions, {"pose": {"precision": "float32"}}, source="x.yaml")


def test_a_wrong_kind_of_value_names_the_key(tmp_path):
    path = tmp_path / "kind.yaml"
    path.write_text("number: many\n")

    with pytest.raises(ConfigError, match=r"kind.yaml: number = 'many': Input should be a valid integer"):
        config.load(Outer, path)


def test_a_base_lies_below_and_overrides_above(tmp_path):
    (tmp_path / "base.yaml").write_text("number: 1\ninner: {max_age: 5, name: base}\n")
    (tmp_path / "top.yaml").write_text("base: base.yaml\ninner: {name: top}\n")

    loaded = config.load(Outer, tmp_path / "top.yaml", ["inner.max_age=7.5"])

    assert loaded == Outer(number=1, inner=Inner(max_age=7.5, name="top"))
    (tmp_path / "again.yaml").write_text(config.dump(loaded))
    assert config.load(Outer, tmp_path / "again.yaml") == loaded


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not valid YAML"),
        ("- 1", "a config is a mapping of names to values, not list"),
        ("base: self.yaml", "leads back to itself"),
        ("base: 3", "base must be the name of one file beside it"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_config_is_refused(tmp_path, text, message):
    path = tmp_path / "self.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=message):
        config.load(Outer, path)


def test_a_missing_config_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"none.yaml: cannot read the config: No such file or directory"):
        config.load(Outer, tmp_path / "none.yaml")


@pytest.mark.parametrize("override", ["number", "=3", "a..b=1", "number=[1"])
def test_an_override_must_be_key_and_value(override):
    with pytest.raises(ConfigError, match="--set"):
        config.parse_overrides([override])


def test_the_catalog_suggests_names():
    assert {"fast", "default", "accurate"} <= set(catalog.config_names("pipelines"))
    with pytest.raises(UnknownNameError, match=r"no config named 'defalt' in pipelines. Did you mean default\?"):
        catalog.config_file("pipelines", "defalt")
    with pytest.raises(UnknownNameError, match=r"no recipe is named 'topdwn'. Did you mean topdown\?"):
        catalog.recipe("topdwn")
    assert catalog.recipe("topdown").PipelineOptions().recipe == "topdown"


@pytest.mark.parametrize("name", catalog.config_names("pipelines"))
def test_every_shipped_pipeline_loads(name):
    path = catalog.config_file("pipelines", name)
    recipe = catalog.recipe(config.read_yaml(path)["recipe"])

    assert config.load(recipe.PipelineOptions, path).window > 0


def test_a_package_without_its_folders_says_how_to_install():
    with pytest.raises(VideoPoseError, match=r"is not installed; run `pip install -e .`"):
        catalog._folder("videopose.not_there")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, after in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, r"bad.yaml: line \d: it grows to more than 100000 values"),
        ("number: &n [*n]", r"bad.yaml: line 1: \*n stands for itself or for nothing"),
        ("number: " + "[" * 5000 + "]" * 5000, "bad.yaml: line 1 is nested deeper than 50 levels"),
        ("number: " + "9" * 5000, "bad.yaml: line 1 holds a number of 5000 digits"),
        ("number: 2001-99-99", "bad.yaml: month must be in 1..12"),
        ("inner: {max_age: .inf}", "bad.yaml: inner.max_age is inf; a finite number is needed"),
        ("base: ../other.yaml", r"bad.yaml: base is '../other.yaml', but must be a file beside it"),
        ("base: /etc/other.yaml", "bad.yaml: base is '/etc/other.yaml', but must be a file beside it"),
    ],
)
def test_a_config_that_is_no_config_is_one_line(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=message):
        config.load(Outer, path)


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan", "[1, .inf]", "{deep: .nan}", "9" * 5000, "2001-99-99"])
def test_an_override_that_is_no_value_is_refused_at_once(value):
    with pytest.raises(ConfigError, match=r"--set inner.max_age: ") as caught:
        config.parse_overrides([f"inner.max_age={value}"])
    assert len(str(caught.value)) < 300


def test_an_alias_that_stays_small_is_read(tmp_path):
    path = tmp_path / "good.yaml"
    path.write_text("\ufeffinner: &i {max_age: 5, name: base}\nnumber: 1\n")

    assert config.load(Outer, path).inner.max_age == 5


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(ConfigError, match=r"1000\d characters") as caught:
        config.validate(Outer, {"number": "x" * 10_000}, source="here")
    assert len(str(caught.value)) < 500


def test_a_base_without_a_suffix_is_a_shipped_config(tmp_path):
    (tmp_path / "mine.yaml").write_text("base: fast\ndetector: {min_score: 0.5}\n")

    mine, fast = load_pipeline(str(tmp_path / "mine.yaml")).options, load_pipeline("fast").options

    assert mine.detector.min_score == 0.5
    assert mine.detector.every == fast.detector.every == 4
    assert mine.pose == fast.pose


def test_a_base_that_is_not_shipped_is_answered_with_the_nearest(tmp_path):
    (tmp_path / "mine.yaml").write_text("base: fats\n")

    with pytest.raises(ConfigError, match=r"mine\.yaml: no shipped config is named 'fats'\. Did you mean fast\?"):
        load_pipeline(str(tmp_path / "mine.yaml"))
