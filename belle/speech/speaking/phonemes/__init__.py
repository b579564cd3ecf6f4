"""From words to the phonemes that Kokoro was trained with: pinyin for Chinese, a dictionary for English."""
