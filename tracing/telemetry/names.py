"""The names that OpenTelemetry's semantic conventions give to what is told of a call, and a few of Slugline's own.

https://github.com/open-telemetry/semantic-conventions-genai. A test compares them with the conventions' own package, which is still
called incubating there: what moves in it should be noticed, not followed silently.
"""

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
CONVERSATION = "gen_ai.conversation.id"
OUTPUT_TYPE = "gen_ai.output.type"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
REQUEST_CHOICES = "gen_ai.request.choice.count"
REQUEST_SEED = "gen_ai.request.seed"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_TOP_P = "gen_ai.request.top_p"
REQUEST_TOP_K = "gen_ai.request.top_k"
REQUEST_FREQUENCY_PENALTY = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY = "gen_ai.request.presence_penalty"
REQUEST_STOP = "gen_ai.request.stop_sequences"
REQUEST_ENCODING_FORMATS = "gen_ai.request.encoding_formats"
EMBEDDING_DIMENSIONS = "gen_ai.embeddings.dimension.count"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons"
RESPONSE_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_INPUT_TOKENS = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
TOOL_DEFINITIONS = "gen_ai.tool.definitions"
PROMPT_NAME = "gen_ai.prompt.name"
PROMPT_VERSION = "gen_ai.prompt.version"
PROMPT_VARIABLE = "gen_ai.prompt.variable."
"""Followed by the variable's name."""
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 - no secret
EVALUATION_EVENT = "gen_ai.evaluation.result"
EVALUATION_NAME = "gen_ai.evaluation.name"
EVALUATION_VALUE = "gen_ai.evaluation.score.value"
EVALUATION_LABEL = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION = "gen_ai.evaluation.explanation"

ERROR_TYPE = "error.type"
HTTP_STATUS = "http.response.status_code"
USER_ID = "user.id"
SERVICE_NAME = "service.name"
SERVICE_VERSION = "service.version"
SERVICE_INSTANCE = "service.instance.id"
OVERFLOW = "otel.metric.overflow"

OPERATION_DURATION = "gen_ai.client.operation.duration"
TIME_TO_FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"
TOKEN_USAGE = "gen_ai.client.token.usage"  # noqa: S105 - no secret

OWN = "slugline."
CALL_ID = "slugline.call.id"
CHANNEL = "slugline.channel"
VARIANT = "slugline.variant"
VERSION_ID = "slugline.version.id"
REVISION = "slugline.revision"
CALLER = "slugline.caller"
OUTCOME = "slugline.outcome"
PURPOSE = "slugline.purpose"
EXTERNAL_ID = "slugline.external_id"
STRATUM = "slugline.stratum"
COST = "slugline.cost"
TAG = "slugline.tag."
"""Followed by the tag's name."""
SCORE_ID = "slugline.score.id"
SCORE_SOURCE = "slugline.score.source"
SCORER = "slugline.scorer"
SCORER_VERSION = "slugline.scorer.version"

_OPERATIONS = {
    "chat.completions": "chat",
    "responses": "chat",
    "messages": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
}

_PROVIDERS = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}


def provider(name: str) -> str:
    """The conventions' name for a provider that the settings call by a usual name; any other name stays as it is."""
    return _PROVIDERS.get(name, name)


def operation(endpoint: str) -> str:
    """The operation that an endpoint is; what the conventions have no word for keeps its own name."""
    return _OPERATIONS.get(endpoint, endpoint)


def error_type(outcome: str, error_code: str) -> str:
    """What a call failed of; empty where it didn't, and where only the client left."""
    return "" if outcome in {"ok", "client_left"} else error_code or outcome
