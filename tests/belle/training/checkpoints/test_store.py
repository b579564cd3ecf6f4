"""Checkpoints: complete or absent; the newest that verifies; several ranks; errors of the system as KnownErrors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import belle.training.checkpoints.atomic_folder
import belle.training.checkpoints.store
from belle.errors import KnownError
from belle.training.checkpoints.atomic_folder import write_folder
from belle.training.checkpoints.manifest import MANIFEST, read_manifest, share
from belle.training.checkpoints.store import CheckpointStore
from belle.training.cluster.ranks import SINGLE_PROCESS, on_all_ranks
from belle.training.run_folder import RunFolder

RECIPE = {"stage": "sft", "learning_rate": 1e-4, "data": ["对话.jsonl"]}
ROOT = Path(__file__).parents[4]


def writer(content: bytes = b"weights") -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(content)
        (folder / "tokenizer.json").write_text("{}")
        (folder / "engine").mkdir()
        (folder / "engine" / "state.pt").write_bytes(b"state")

    return write


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != ".lock"}


class TestSave:
    def test_what_was_written_is_there_with_its_manifest(self, tmp_path: Path) -> None:
        with CheckpointStore(RunFolder(tmp_path)) as store:
            path = store.save(20, writer(), recipe=RECIPE, extra={"data": "abc"})
            assert path == tmp_path / "step-20" == store.newest()
        manifest = read_manifest(path)
        assert (manifest.step, manifest.recipe, manifest.extra) == (20, RECIPE, {"data": "abc"})
        assert set(manifest.files) == {"model.safetensors", "tokenizer.json", "engine/state.pt"}
        assert manifest.files["model.safetensors"].size == 7
        assert torch.__version__.startswith(manifest.versions["torch"].split("+")[0])
        assert manifest.tokenizer_sha256
        assert names(tmp_path) == {"step-20"}

    def test_the_tokenizer_hash_is_of_the_tokenizer_alone(self, tmp_path: Path) -> None:
        with CheckpointStore(RunFolder(tmp_path), keep_last=0) as store:
            one, two = (store.save(n, writer(bytes(n)), recipe={}) for n in (1, 2))

            def other(folder: Path) -> None:
                writer()(folder)
                (folder / "tokenizer.json").write_text("[]")

            three = store.save(3, other, recipe={})
        hashes = [read_manifest(path).tokenizer_sha256 for path in (one, two, three)]
        assert hashes[0] == hashes[1] != hashes[2]

    def test_only_the_last_are_kept(self, tmp_path: Path) -> None:
        with CheckpointStore(RunFolder(tmp_path), keep_last=2) as store:
            for step in (9, 10, 100, 101):
                store.save(step, writer(), recipe={})
        assert names(tmp_path) == {"step-100", "step-101"}

    def test_all_are_kept(self, tmp_path: Path) -> None:
        with CheckpointStore(RunFolder(tmp_path), keep_last=0) as store:
            for step in range(5):
                store.save(step, writer(), recipe={})
        assert len(names(tmp_path)) == 5

    def test_a_damaged_one_does_not_take_the_place_of_a_whole_one(self, tmp_path: Path) -> None:
        with CheckpointStore(RunFolder(tmp_path), keep_last=2, notice=lambda text: None) as store:
            for step in (1, 2, 4):
                store.save(step, writer(), recipe={})
            (tmp_path / "step-4" / "model.safetensors").write_bytes(b"damaged")
            assert store.newest() == tmp_path / "step-2"
            store.save(3, writer(), recipe={})
            assert names(tmp_path) == {"step-2", "step-3", "step-4"}
            store.save(4, writer(), recipe={})
            assert store.newest() == tmp_path / "step-4"
        assert names(tmp_path) == {"step-3", "step-4"}

    def test_a_step_can_be_saved_again(self, tmp_path: Path) -> None:
        with CheckpointStore(RunFolder(tmp_path)) as store:
            store.save(1, writer(b"first"), recipe={})
            path = store.save(1, writer(b"second"), recipe={})
            assert store.newest() == path
        assert (path / "model.safetensors").read_bytes() == b"second"
        assert names(tmp_path) == {"step-1"}

    def test_a_bug_in_write_is_raised_and_leaves_nothing(self, tmp_path: Path) -> None:
        def broken(folder: Path) -> None:
            (folder / "a").write_bytes(b"a")
            raise ZeroDivisionError

        with CheckpointStore(RunFolder(tmp_path)) as store:
            store.save(1, writer(), recipe={})
            with pytest.raises(ZeroDivisionError):
                store.save(2, broken, recipe={})
            assert store.newest() == tmp_path / "step-1"
        assert names(tmp_path) == {"step-1"}

    def test_final_is_replaced_whole(self, tmp_path: Path) -> None:
        for content in (b"one", b"two"):
            write_folder(tmp_path / "final", writer(content), step=3, recipe=RECIPE)
        assert (tmp_path / "final" / "model.safetensors").read_bytes() == b"two"
        assert read_manifest(tmp_path / "final").recipe == RECIPE
        assert names(tmp_path) == {"final"}

    def test_final_is_written_where_an_attempt_was_killed(self, tmp_path: Path) -> None:
        (tmp_path / "out.tmp" / "inner").mkdir(parents=True)
        write_folder(tmp_path / "out", writer(), step=3, recipe=RECIPE)
        assert names(tmp_path) == {"out"}


class TestBackground:
    """`wait=False`: training goes on while the disk is busy."""

    def test_it_is_complete_after_settle(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        released = threading.Event()
        sync_and_hash = belle.training.checkpoints.atomic_folder.sync_and_hash

        def slow(*arguments: Any) -> Any:
            assert released.wait(60)
            return sync_and_hash(*arguments)

        recipe = {"stage": "sft"}
        with CheckpointStore(RunFolder(tmp_path), keep_last=1) as store:
            store.save(1, writer(), recipe=recipe)
            monkeypatch.setattr(belle.training.checkpoints.atomic_folder, "sync_and_hash", slow)
            path = store.save(2, writer(), recipe=recipe, wait=False)
            recipe["stage"] = "changed since"
            assert names(tmp_path) == {"step-1", "step-2.tmp"}
            released.set()
            store.settle()
            assert names(tmp_path) == {"step-2"}
            assert store.newest() == path
        assert read_manifest(path).recipe == {"stage": "sft"}

    def test_the_next_save_and_close_wait(self, tmp_path: Path) -> None:
        with CheckpointStore(RunFolder(tmp_path), keep_last=0) as store:
            for step in range(5):
                store.save(step, writer(), recipe={}, wait=False)
        assert names(tmp_path) == {f"step-{step}" for step in range(5)}

    @pytest.mark.parametrize("then", ["settle", "save", "close"])
    def test_an_error_is_raised_by_the_next_call(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
    ) -> None:
        def full(*arguments: Any) -> Any:
            raise OSError(28, "No space left on device")

        store = CheckpointStore(RunFolder(tmp_path))
        store.save(1, writer(), recipe={})
        monkeypatch.setattr(belle.training.checkpoints.atomic_folder, "sync_and_hash", full)
        store.save(2, writer(), recipe={}, wait=False)
        with pytest.raises(KnownError) as caught:
            store.save(3, writer(), recipe={}) if then == "save" else getattr(store, then)()
        assert caught.value.kind == "disk_full"
        store.close()
        assert names(tmp_path) == {"step-1"}


class TestNewest:
    def test_nothing(self, tmp_path: Path) -> None:
        assert CheckpointStore(RunFolder(tmp_path / "run")).newest() is None
        assert not (tmp_path / "run").exists()

    def test_the_order_is_of_numbers(self, tmp_path: Path) -> None:
        with CheckpointStore(RunFolder(tmp_path), keep_last=0) as store:
            for step in (9, 10):
                store.save(step, writer(), recipe={})
            assert store.newest() == tmp_path / "step-10"

    def damage_missing(self, path: Path) -> None:
        (path / "model.safetensors").unlink()

    def damage_short(self, path: Path) -> None:
        (path / "model.safetensors").write_bytes(b"weight")

    def damage_content(self, path: Path) -> None:
        (path / "engine" / "state.pt").write_bytes(b"stale")

    def damage_no_manifest(self, path: Path) -> None:
        (path / MANIFEST).unlink()

    def damage_manifest(self, path: Path) -> None:
        (path / MANIFEST).write_text((path / MANIFEST).read_text()[:-40])

    def damage_format(self, path: Path) -> None:
        (path / MANIFEST).write_text(json.dumps({**json.loads((path / MANIFEST).read_text()), "format": 99}))

    def damage_outside(self, path: Path) -> None:
        files = {"../../etc/passwd": {"size": 1, "sha256": "0"}}
        (path / MANIFEST).write_text(json.dumps({**json.loads((path / MANIFEST).read_text()), "files": files}))

    def damage_other_step(self, path: Path) -> None:
        (path / MANIFEST).write_text(json.dumps({**json.loads((path / MANIFEST).read_text()), "step": 7}))

    @pytest.mark.parametrize(
        ("damage", "words"),
        [
            ("missing", "model.safetensors is missing"),
            ("short", "model.safetensors has 6 bytes instead of 7"),
            ("content", "engine/state.pt is not what was written"),
            ("no_manifest", "it has no manifest.json"),
            ("manifest", "manifest.json is damaged"),
            ("format", "manifest.json is damaged (its format is of another version)"),
            ("outside", "names a file outside the folder"),
            ("other_step", "its manifest is of step 7"),
        ],
    )
    def test_it_is_the_newest_that_verifies(self, tmp_path: Path, damage: str, words: str) -> None:
        notices: list[str] = []
        with CheckpointStore(RunFolder(tmp_path), notice=notices.append) as store:
            for step in (1, 2):
                store.save(step, writer(), recipe=RECIPE)
            getattr(self, f"damage_{damage}")(tmp_path / "step-2")
            assert store.newest() == tmp_path / "step-1"
        assert len(notices) == 1
        assert "step-2" in notices[0]
        assert words in notices[0]

    def test_leftovers_are_removed_and_other_things_are_not(self, tmp_path: Path) -> None:
        with CheckpointStore(RunFolder(tmp_path)) as store:
            store.save(1, writer(), recipe={})
        for name in ("step-2.tmp", "final.tmp", "notes.tmp", "step-x", "logs"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "file").write_bytes(b"x")
        with CheckpointStore(RunFolder(tmp_path)) as store:
            assert store.newest() == tmp_path / "step-1"
        assert names(tmp_path) == {"step-1", "notes.tmp", "step-x", "logs"}

    def test_one_that_was_being_replaced_comes_back(self, tmp_path: Path) -> None:
        with CheckpointStore(RunFolder(tmp_path)) as store:
            store.save(1, writer(), recipe={})
        (tmp_path / "step-1").rename(tmp_path / "step-1.replaced")
        with CheckpointStore(RunFolder(tmp_path)) as store:
            assert store.newest() == tmp_path / "step-1"
        assert names(tmp_path) == {"step-1"}


class TestFaults:
    """Errors of the system: the last good checkpoint stays."""

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with CheckpointStore(RunFolder(tmp_path / "file" / "run")) as store, pytest.raises(KnownError) as caught:
            store.save(1, writer(), recipe={})
        assert caught.value.kind == "folder_not_writable"
        assert str(tmp_path / "file") in caught.value.message

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
    def test_a_folder_of_somebody_else(self, tmp_path: Path) -> None:
        with CheckpointStore(RunFolder(tmp_path / "run")) as store:
            store.save(1, writer(), recipe={})
        program = """
            import os, sys
            from pathlib import Path
            from belle.errors import KnownError
            from belle.training.checkpoints.store import CheckpointStore
            from belle.training.run_folder import RunFolder
            store = CheckpointStore(RunFolder(Path(sys.argv[1])))
            os.setuid(65534)
            try:
                store.save(2, lambda folder: None, recipe={})
            except KnownError as error:
                print(error.kind, error.message)
        """
        for folder in (tmp_path, *tmp_path.parents):
            if folder.owner() == "root" and str(folder).startswith("/tmp/"):
                folder.chmod(0o755)
        out = run_python(program, tmp_path / "run")
        assert out.startswith("folder_not_writable")
        assert "Permission denied" in out
        assert names(tmp_path / "run") == {"step-1"}

    def test_a_limit_on_file_size(self, tmp_path: Path) -> None:
        """It acts as a full disk does: short writes, which each library reports in its own way."""
        program = """
            import resource, sys, torch
            from pathlib import Path
            from safetensors.torch import save_file
            from belle.errors import KnownError
            from belle.training.checkpoints.store import CheckpointStore
            from belle.training.run_folder import RunFolder
            store = CheckpointStore(RunFolder(Path(sys.argv[1])))
            store.save(1, lambda folder: (folder / "model").write_bytes(b"good"), recipe={})
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
            for write in (
                lambda folder: (folder / "model").write_bytes(bytes(1 << 20)),
                lambda folder: torch.save(torch.zeros(1 << 18), folder / "model.pt"),
                lambda folder: save_file({"a": torch.zeros(1 << 18)}, folder / "model.safetensors"),
            ):
                try:
                    store.save(2, write, recipe={})
                except KnownError as error:
                    print(error.kind, error)
                print(store.newest().name)
        """
        lines = run_python(program, tmp_path).splitlines()
        assert lines[1::2] == ["step-1"] * 3
        for line in lines[::2]:
            assert line.startswith("disk_full")
            assert "step-2.tmp could not be written" in line
        assert names(tmp_path) == {"step-1"}

    def test_a_full_disk(self, tmp_path: Path) -> None:
        """A file system of 1 MB, in a mount namespace of its own."""
        mount = ["unshare", "--user", "--map-root-user", "--mount"]
        if subprocess.run([*mount, "true"], capture_output=True, check=False).returncode:
            mount = ["unshare", "--mount"]
            if subprocess.run([*mount, "true"], capture_output=True, check=False).returncode:
                pytest.skip("no mount namespace can be made here")
        program = tmp_path / "program.py"
        program.write_text(
            "import sys\n"
            "from pathlib import Path\n"
            "from belle.errors import KnownError\n"
            "from belle.training.checkpoints.store import CheckpointStore\n"
            "from belle.training.run_folder import RunFolder\n"
            "store = CheckpointStore(RunFolder(Path(sys.argv[1])))\n"
            "save = lambda step, size: store.save(step, lambda f: (f / 'a').write_bytes(bytes(size)), recipe={})\n"
            "save(1, 400_000)\n"
            "try:\n"
            "    save(2, 900_000)\n"
            "except KnownError as error:\n"
            "    print(error.kind)\n"
            "print(store.newest().name, *sorted(p.name for p in Path(sys.argv[1]).iterdir()))\n"
        )
        disk = tmp_path / "disk"
        disk.mkdir()
        script = f'mount -t tmpfs -o size=1m none "{disk}" && exec "{sys.executable}" "{program}" "{disk}"'
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        result = subprocess.run(
            [*mount, "sh", "-c", script], capture_output=True, text=True, env=environment, check=False
        )
        assert result.stdout.split() == ["disk_full", "step-1", ".lock", "step-1"], result.stderr

    def test_two_runs_in_one_folder(self, tmp_path: Path) -> None:
        with CheckpointStore(RunFolder(tmp_path)) as store:
            store.claim()
            program = """
                import sys
                from pathlib import Path
                from belle.errors import KnownError
                from belle.training.checkpoints.store import CheckpointStore
                from belle.training.run_folder import RunFolder
                try:
                    CheckpointStore(RunFolder(Path(sys.argv[1]))).newest()
                except KnownError as error:
                    print(error.kind, error.message)
            """
            out = run_python(program, tmp_path)
        assert out.startswith("run_in_use")
        assert f"process {os.getpid()} on" in out
        assert run_python(program, tmp_path) == ""

    def test_an_old_one_that_cannot_be_deleted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        notices: list[str] = []

        def refuse(path: Path, *args: Any, **options: Any) -> None:
            if path.exists():
                raise PermissionError(1, "Operation not permitted")

        with CheckpointStore(RunFolder(tmp_path), keep_last=1, notice=notices.append) as store:
            store.save(1, writer(), recipe={})
            monkeypatch.setattr(belle.training.checkpoints.store.shutil, "rmtree", refuse)
            assert store.save(2, writer(), recipe={}) == store.folder.checkpoint(2)
        assert "step-1 could not be deleted" in notices[0]


def run_python(program: str, *arguments: object) -> str:
    lines = program.split("\n")
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    result = subprocess.run(
        [sys.executable, "-c", "\n".join(line[indent:] for line in lines), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


class ThreadRanks:
    """Ranks that are threads of this process."""

    def __init__(self, world_size: int, *, second: bool = True) -> None:
        self._barrier = threading.Barrier(world_size, timeout=60)
        self._values: list[Any] = [None] * world_size
        self._second = ThreadRanks(world_size, second=False) if second else None

    class One:
        def __init__(self, shared: ThreadRanks, rank: int) -> None:
            self._shared, self.rank, self.world_size = shared, rank, len(shared._values)

        def gather(self, value: object) -> list[Any]:
            self._shared._values[self.rank] = value
            self._shared._barrier.wait()
            values = list(self._shared._values)
            self._shared._barrier.wait()
            return values

        def duplicate(self) -> Any:
            assert self._shared._second is not None
            return ThreadRanks.One(self._shared._second, self.rank)


def on_ranks(world_size: int, action: Callable[[Any], Any]) -> list[Any]:
    """What `action(ranks)` returned, or the exception it raised, on each of `world_size` ranks at once."""
    shared, outcomes = ThreadRanks(world_size), [None] * world_size

    def work(rank: int) -> None:
        try:
            outcomes[rank] = action(ThreadRanks.One(shared, rank))
        except BaseException as error:
            outcomes[rank] = error

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(world_size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


class TestRanks:
    def save(self, folder: Path, step: int, *, failing: int | None = None) -> Callable[[Any], Any]:
        def action(ranks: Any) -> Path:
            def write(into: Path) -> None:
                if ranks.rank == failing:
                    raise OSError(28, "No space left on device")
                (into / f"shard-{ranks.rank}.pt").write_bytes(bytes(1000 * ranks.rank + step))

            with CheckpointStore(RunFolder(folder), keep_last=0, ranks=ranks, notice=lambda text: None) as store:
                return store.save(step, write, recipe=RECIPE, wait=False)

        return action

    def newest(self, folder: Path, notices: list[str]) -> Callable[[Any], Any]:
        def action(ranks: Any) -> Path | None:
            with CheckpointStore(RunFolder(folder), ranks=ranks, notice=notices.append) as store:
                return store.newest()

        return action

    def test_each_writes_its_own_and_all_are_verified(self, tmp_path: Path) -> None:
        for step in (1, 2):
            assert on_ranks(3, self.save(tmp_path, step)) == [tmp_path / f"step-{step}"] * 3
        manifest = read_manifest(tmp_path / "step-2")
        assert set(manifest.files) == {f"shard-{rank}.pt" for rank in range(3)}
        assert manifest.world_size == 3
        assert on_ranks(3, self.newest(tmp_path, [])) == [tmp_path / "step-2"] * 3
        for rank in range(3):
            damaged = tmp_path / "step-2" / f"shard-{rank}.pt"
            good = damaged.read_bytes()
            damaged.write_bytes(b"x" * len(good))
            notices: list[str] = []
            assert on_ranks(3, self.newest(tmp_path, notices)) == [tmp_path / "step-1"] * 3
            assert len(notices) == 1
            assert f"shard-{rank}.pt is not what was written" in notices[0]
            damaged.write_bytes(good)

    def test_one_that_fails_stops_all_and_is_named(self, tmp_path: Path) -> None:
        on_ranks(3, self.save(tmp_path, 1))
        outcomes = on_ranks(3, self.save(tmp_path, 2, failing=1))
        assert [outcome.kind for outcome in outcomes] == ["disk_full"] * 3
        assert outcomes[0].message.startswith("Rank 1: ")
        assert names(tmp_path) == {"step-1"}

    def test_a_bug_on_one_rank(self) -> None:
        def action(ranks: Any) -> None:
            on_all_ranks(ranks, lambda: 1 // ranks.rank)

        zero, one = on_ranks(2, action)
        assert isinstance(zero, ZeroDivisionError)
        assert (one.kind, one.details["rank"]) == ("rank_failed", 0)
        assert "ZeroDivisionError" in one.message

    def test_machines_that_do_not_share_the_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(belle.training.checkpoints.atomic_folder, "_VISIBLE_SECONDS", 0.2)

        def action(ranks: Any) -> Path:
            folder = tmp_path / f"machine-{ranks.rank}"
            folder.mkdir()

            def write(into: Path) -> None:
                (into / f"shard-{ranks.rank}.pt").write_bytes(b"x")

            with CheckpointStore(RunFolder(folder), ranks=ranks) as store:
                return store.save(1, write, recipe=RECIPE)

        assert {outcome.kind for outcome in on_ranks(2, action)} == {"folder_not_shared"}

    @given(
        sizes=st.dictionaries(st.text("abc/", min_size=1), st.integers(0, 10**12)),
        world_size=st.integers(1, 9),
    )
    def test_every_file_belongs_to_one_rank(self, sizes: dict[str, int], world_size: int) -> None:
        shares = [share(sizes, rank, world_size) for rank in range(world_size)]
        assert sorted(name for own in shares for name in own) == sorted(sizes)
        if sizes:
            loads = [sum(sizes[name] + 1 for name in own) for own in shares]
            assert max(loads) - min(loads) <= max(sizes.values()) + 1

    def test_over_torch_distributed(self, tmp_path: Path) -> None:
        program = """
            import sys
            from pathlib import Path
            import torch
            import torch.distributed as dist
            from belle.training.checkpoints.store import CheckpointStore
            from belle.training.run_folder import RunFolder
            from belle.training.cluster.ranks import current_ranks
            folder, rank = Path(sys.argv[1]), int(sys.argv[2])
            dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
            with CheckpointStore(RunFolder(folder / "run"), ranks=current_ranks()) as store:
                store.save(1, lambda into: (into / f"shard-{rank}").write_bytes(b"x"), recipe={}, wait=False)
                # Meanwhile the processes exchange tensors over their own group.
                for number in range(50):
                    sums = torch.tensor([float(rank)])
                    dist.all_reduce(sums)
                    assert sums.item() == 1
                store.settle()
                print(store.newest().name)
            dist.destroy_process_group()
        """
        outputs: list[str] = ["", ""]

        def start(rank: int) -> None:
            outputs[rank] = run_python(program, tmp_path, rank)

        threads = [threading.Thread(target=start, args=(rank,)) for rank in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outputs == ["step-1\n", "step-1\n"]
        assert set(read_manifest(tmp_path / "run" / "step-1").files) == {"shard-0", "shard-1"}


def test_alone_is_a_world_of_one() -> None:
    assert (SINGLE_PROCESS.rank, SINGLE_PROCESS.world_size, SINGLE_PROCESS.gather("x")) == (0, 1, ["x"])
