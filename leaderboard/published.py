"""What a published results file may hold: lm-eval's fields and ours with their types and bounds, as pydantic models, and no others."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from seal_eval.core.checked import Fraction, Label, Name, Part
from seal_eval.leaderboard import limits
from seal_eval.results.absent import SuiteRecord

Number = Annotated[float, Field(ge=-1e15, le=1e15)]
Text = Annotated[str, Field(max_length=100_000)]  # of several lines, such as a chat template; no page shows it
Prompt = Annotated[str, Field(max_length=20_000)]
Short = Annotated[Label, Field(max_length=400)]


def _simple(value: Any) -> Any:
    text = isinstance(value, str) and len(value) <= 400
    if not (text or value is None or (isinstance(value, bool | int | float) and abs(value) <= 1e15)):
        raise ValueError("must be true, false, a number of at most 1e15 or a text of at most 400 characters")
    return value


def _few(value: Any) -> Any:
    if isinstance(value, list | dict):
        if len(value) > limits.ITEMS:
            raise ValueError(f"must have at most {limits.ITEMS} items")
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            _simple(item)
        return value
    return _simple(value)


def _none_if_empty(value: Any) -> Any:
    return value or None


def _settings(value: Any) -> Any:
    if isinstance(value, dict):
        for inner in value.values():
            _few(inner)
        return value
    return _simple(value)  # some engines write NAME=VALUE,…


Simple = Annotated[Any, AfterValidator(_simple)]
Values = Annotated[Any, AfterValidator(_few)]  # a simple value, or a list or an object of them
Settings = Annotated[dict[Name, Values], Field(max_length=limits.ITEMS)]
Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1, le=limits.VALUE)]
Perplexity = Annotated[float, Field(ge=1, le=1e6)]
Seconds = Annotated[float, Field(ge=0, le=366 * 86_400)]  # at most a year
Scale = Annotated[float, Field(ge=-1000, le=1000)]
Parameters = Annotated[int, Field(ge=1, le=10**13)]
Seed = Annotated[int, Field(ge=0, le=2**63)] | None


class Exact(Part):
    """An object with the fields named here only."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Card(Part):
    """What a tuned method records: the fields that pages show as numbers, and others of a few simple values."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, Values] = Field(init=False)

    method: Name | None = None
    model: Name | None = None
    adapter_sha256: Sha | None = None
    prose_perplexity_before: Perplexity | None = None
    prose_perplexity_after: Perplexity | None = None
    prose_perplexity_ratio: Annotated[float, Field(gt=0, le=1e6)] | None = None
    short_accuracy_before: Fraction | None = None
    short_accuracy_after: Fraction | None = None
    trained_parameters: Parameters | None = None
    tuning_seconds: Seconds | None = None
    peak_memory_bytes: Annotated[int, Field(ge=1, le=10**15)] | None = None
    mean_scales: Annotated[list[Annotated[list[Scale], Field(max_length=1000)]], Field(max_length=1000)] | None = None
    parts: Annotated[dict[Name, "Card"], Field(max_length=limits.ITEMS)] | None = None  # of a composition, each tuned part's own


class Pace(Exact):
    """The engine's own timing of its prompts."""

    prompt_tokens: Annotated[int, Field(ge=0, le=10**12)]
    seconds: Annotated[float, Field(gt=0, le=366 * 86_400)]
    others: Annotated[float, Field(ge=0, le=100)]  # share of the processors' time that other processes took; 100: clocks are coarse


class Own(Exact):
    """`config.seal_eval`, what this project adds to lm-eval's file."""

    model: Name
    method: Name
    settings: Settings
    about: Card
    version: Short
    model_source: dict[Name, Short] | None = None
    model_content: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")] | None = None
    suite: SuiteRecord | None = None
    attention: Short | None = None
    max_length: Count | None = None
    trained_window: Count | None = None
    prefix_sharing: Simple = False
    ends_prompts_with: Short | None = None
    torch: Short | None = None
    material: dict[Name, Short] | None = None
    device: Short | None = None
    threads: Count | None = None
    hardware: Short | None = None
    processes: Count | None = None  # that shared the run
    pace: Annotated[Pace | None, BeforeValidator(_none_if_empty)] = None  # {} before any prompt
    generation: Settings | None = None  # penalties of the checkpoint's generation_config
    timed: Settings | None = None  # which of two ways of computing was faster at the time
    batch_limit: Count | None = None  # after a lack of memory


class Config(Exact):
    """`config` of a results file."""

    model: Name
    model_args: Annotated[Any, AfterValidator(_settings)]
    model_num_parameters: Annotated[int, Field(ge=-1, le=10**14)] | None = None
    model_dtype: Short | None = None
    model_revision: Short | None = None
    model_sha: Short | None = None
    peft_sha: Short | None = None
    delta_sha: Short | None = None
    batch_size: Simple = None
    batch_sizes: Annotated[list[Count], Field(max_length=1000)] | None = None
    device: Short | None = None
    use_cache: Short | None = None
    limit: Annotated[float, Field(gt=0, le=limits.VALUE)] | None
    bootstrap_iters: Annotated[int, Field(ge=0, le=limits.VALUE)] | None = None
    gen_kwargs: Settings | None = None
    random_seed: Seed = None
    numpy_seed: Seed = None
    torch_seed: Seed = None
    fewshot_seed: Seed = None
    seal_eval: Own | None = None
    seal_eval_suite: SuiteRecord | None = None
    seal_eval_generation: Settings | None = None  # of another engine than ours, what `generation` is in `Own`


class Generation(Exact):
    """`generation_kwargs` of a task: greedy, within a budget, up to stop strings."""

    do_sample: Literal[False]
    temperature: Literal[0] | None = None  # greedy in other words
    max_gen_toks: Count
    until: Annotated[list[Annotated[str, Field(max_length=50)]], Field(max_length=20)]


class Metric(Exact):
    """An entry of a task's `metric_list`."""

    metric: Name
    aggregation: Text
    higher_is_better: Literal[True]


class TaskKey(Exact):
    """`dataset_kwargs` of a task."""

    task: Name


class TaskConfig(Exact):
    """`configs.TASK`: what the task's YAML file and the run's --metadata said. Code is recorded as text, and never read."""

    task: Name
    tag: Annotated[list[Name], Field(max_length=10)] | None = None
    custom_dataset: Text
    dataset_kwargs: TaskKey
    test_split: Literal["test"]
    description: Literal[""] = ""
    doc_to_text: Literal["input"]
    doc_to_target: Literal["answer"]
    gen_prefix: Literal["prefix"]
    process_results: Text
    target_delimiter: Literal[" "] = " "
    fewshot_delimiter: Literal["\n\n"] = "\n\n"
    fewshot_config: dict[Name, Annotated[str, Field(max_length=100)] | None] | None = None
    num_fewshot: Literal[0]
    metric_list: Annotated[list[Metric], Field(max_length=50)]
    output_type: Literal["generate_until"]
    generation_kwargs: Generation
    repeats: Literal[1]
    should_decontaminate: Literal[False] = False
    unsafe_code: Literal[False] = False
    metadata: Annotated[dict[Name, Any], Field(max_length=200)]


class Counts(Exact):
    """A task's entry in `n-samples`."""

    original: Count
    effective: Count


class Published(Exact):
    """A results_*.json file of a submission."""

    config: Config
    results: Annotated[dict[Name, dict[Name, Simple]], Field(min_length=1, max_length=1000)]
    configs: dict[Name, TaskConfig]
    versions: dict[Name, Number]
    n_shot: dict[Name, Literal[0]] = Field(alias="n-shot")
    n_samples: dict[Name, Counts] = Field(alias="n-samples")
    higher_is_better: dict[Name, dict[Name, Literal[True]]]
    group_subtasks: Annotated[dict[str, None], Field(max_length=0)]
    task_hashes: dict[Name, Sha]
    date: Annotated[float, Field(ge=1_577_836_800)]  # seconds since 1970; 2020 or later
    total_evaluation_time_seconds: Annotated[str, Field(pattern=r"^[0-9]{1,8}(\.[0-9]{1,20})?(e-[0-9]{1,2})?$")]
    replies_found: Count | None = None
    git_hash: Annotated[str, Field(pattern=r"^[0-9A-Za-z._/-]{0,200}$")] | None = None
    upper_git_hash: Annotated[str, Field(pattern=r"^[0-9A-Za-z._/-]{0,200}$")] | None = None
    lm_eval_version: Short
    transformers_version: Short | None = None
    pretty_env_info: Text | None = None
    max_length: Count | None = None
    eot_token_id: Any = None
    tokenizer_pad_token: Annotated[list[Text], Field(max_length=2)] | None = None
    tokenizer_eos_token: Annotated[list[Text], Field(max_length=2)] | None = None
    tokenizer_bos_token: Annotated[list[Text], Field(max_length=2)] | None = None
    model_source: Name
    model_name: Name
    model_name_sanitized: Short
    system_instruction: Prompt | None = None
    system_instruction_sha: Sha | None = None
    fewshot_as_multiturn: bool | None = None
    chat_template: Text | None = None
    chat_template_sha: Sha | None = None
