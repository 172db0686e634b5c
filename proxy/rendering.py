"""`POST /v1/prompts/{id}/render`: a prompt with its variables filled in, as the body of a chat completion. Nothing is sent.

Portkey's format (https://portkey.ai/docs/api-reference/inference-api/prompts/render). No call, so no record: what is rendered
here is recorded when it is sent.
"""

import orjson

from proxy.auth import authenticate, check_endpoint, check_role
from proxy.context import read_context
from proxy.errors import ProxyError, answer_for
from proxy.line import CallRequest, Line
from proxy.merge import CHAT, combine
from proxy.naming import named_prompt
from proxy.prepare import check_version, parsed, resolved_for
from proxy.reply import Reply, error_reply, prompt_headers
from registry.errors import RegistryError
from registry.templates.template import render


async def render_prompt(call: CallRequest, line: Line) -> Reply:
    """The body that a completion of this prompt would send: messages, the version's settings, and the caller's over them."""
    try:
        key = authenticate(call.headers, line.registry, line.now(), required=line.key_required)
        if key is not None:
            check_role(key)
        check_endpoint(key, call.endpoint.name)
        body = parsed(call.body) if call.body else {}
        default = key.terms.default_channel if key else None
        named = named_prompt(body, call.headers, in_path=call.prompt, default=default)
        if named is None:
            raise ValueError("a path that renders names a prompt")
        context = read_context(call.headers, body, line.random_bytes)
        resolved = resolved_for(key, named, line.registry, context)
        check_version(key, resolved, line.registry)
        rendered = render(resolved.compiled, named.variables)
        merged = combine(CHAT, resolved.version.content, rendered.messages, named, body)
    except (ProxyError, RegistryError) as error:
        return error_reply(answer_for(error), call.endpoint.errors)
    headers = [("content-type", "application/json"), *prompt_headers(resolved, stale=line.registry.stale)]
    return Reply(status=200, headers=headers, body=orjson.dumps({"success": True, "data": merged.body}))
