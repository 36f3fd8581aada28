"""Which methods do not act on texts that are given and read in one pass, as log-likelihoods and tuning read them, as they do in a reply."""

from seal_eval.core.plugins import Method


def why_not_on_given_texts(method: Method) -> str:
    """Return why a method does not act on given texts as it does in a reply, to follow the method's name; '' where it does."""
    if method.record_first:
        return "reads a record without its question: the result would be the plain model's"
    if method.while_decoding:
        return "acts only while a reply is decoded: the result would be the plain model's"
    if method.by_prompt_end:
        return "goes by the prompt's last token, and in a given text by the answer's: the result would be another than in a reply"
    return ""
