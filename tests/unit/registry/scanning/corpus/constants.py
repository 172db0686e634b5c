"""Constants: some are prompts."""

# PROMPT ? style, text
REWRITE_PROMPT = """Rewrite the text below in the style of {style}. Keep all facts.

{text}
"""

PROMPTS = {
    # PROMPT ?
    "keywords": "Extract up to five keywords from the article. Return a JSON list of strings.",
    # PROMPT ?
    "sentiment": "Decide whether the following review is positive, negative or neutral. Answer with one word.",
}

DEFAULT_INSTRUCTIONS = (
    # PROMPT system
    "Act as an editor. Correct spelling and grammar, and do not change the meaning. Return the corrected text only."
)

# PROMPT user name
USER_PROMPT_TEMPLATE = "Write a short birthday greeting for %(name)s. Do not mention their age."

# PROMPT system
WITHOUT_A_TELLING_NAME = "You are an expert in tax law. Answer the user's question, and say when you are not sure."

# PROMPT system
german = {"system_prompt": "Du bist ein freundlicher Assistent. Antworte immer auf Deutsch und in kurzen Sätzen."}

PROMPT_PATH = "prompts/answer/in/json/always.txt"
PROMPT_FILE_MISSING_ERROR = "The prompt file must be given: make sure that the following text is in it"
PROMPT = "Enter your name: "
LOGIN_PROMPT = "Please enter your password to continue:"
TEXT_PROMPT = "Enter the text that you want the assistant to translate into another language: "
DELETE_PROMPT = "Do you want to delete the following conversation? You must confirm this with your name."
PS1_PROMPT = "user@host:~$ "
PROMPT_STYLE = "bold white on blue, the prompt must always be in italics"
INSTALL_TITLE = "How to install the app"
SYSTEM_MESSAGE = "The system will be down for maintenance on Sunday from 2 to 4 am."
LICENSE_TEXT = (
    "Copyright 2026 Example. You must always keep this text. Do not remove the following notice from the code."
)
QUERY_PROMPT_SQL = "SELECT prompt, answer FROM calls WHERE prompt = 'You are a helpful assistant'"
SELECT_PROMPT = "SELECT text FROM prompts WHERE you are = 'the assistant' ORDER BY answer"
PAGE = """<html><body><p>You are the assistant of the team. Always answer the following question.</p></body></html>"""
HELP = """usage: tool [options]

  --prompt TEXT   what you are asking the assistant; always in quotes
"""
EULA = (
    "You must accept the terms before you use the product. You may not resell it, and you must always keep the notice."
)
