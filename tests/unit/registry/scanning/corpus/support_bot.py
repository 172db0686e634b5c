"""A support bot. You are reading the module's docstring: it must never be taken for a prompt, so answer in silence."""

import logging

from openai import OpenAI
from shop import company

client = OpenAI()
log = logging.getLogger(__name__)

TONE = "Be friendly, and never promise a refund."

# PROMPT system company_name
SYSTEM = f"""You are a support agent of {company.name}.
{TONE}
Answer in the customer's language."""

GREETING = "Hello! How can we help you today?"
NOT_FOUND = "Sorry, we could not find the order that you asked for. Please try again with another number."


class RefundError(Exception):
    """You must never raise this yourself; always go through the desk."""


def answer(question: str, orders: list[str]) -> str:
    """Answer the question. Always respond in the language of the customer, and never use more than three sentences."""
    if not question:
        raise ValueError(
            "You must ask a question. Always write at least one sentence, and do not leave the text empty."
        )
    log.info("You are a support agent: answering the following question: %s", question)
    reply = client.chat.completions.create(
        model="gpt-5-mini",
        messages=[
            {"role": "system", "content": SYSTEM},
            {
                "role": "user",
                # PROMPT user question, orders
                "content": "Answer the following question: " + question + "\nOrders:\n" + "\n".join(orders),
            },
            {"role": "assistant", "content": "I will look at your orders first."},
        ],
    )
    print("You are done. The assistant must now answer the following question in the next line:")
    return reply.choices[0].message.content or NOT_FOUND


def title(text: str) -> str:
    return client.responses.create(
        model="gpt-5-nano",
        # PROMPT system
        instructions="Write a title of at most five words for the text. Return the title only.",
        input=text,
    ).output_text


def classify(ticket: str) -> str:
    # PROMPT user ticket, labels
    prompt = "Classify this ticket into one of {labels}. Reply with the label only.\n\n{ticket}".format(
        ticket=ticket, labels=", ".join(LABELS)
    )
    return client.responses.create(model="gpt-5-nano", input=prompt).output_text


LABELS = ["billing", "delivery", "returns and refunds", "anything else that a customer may ask"]
